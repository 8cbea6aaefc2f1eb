"""What the OpenAPI document says of all parameters."""

from __future__ import annotations

from flask_openapi3 import OpenAPI
from flask_openapi3.models import ParameterInType

METHODS = ("get", "put", "post", "delete", "patch")


def allow_empty(app: OpenAPI) -> None:
    """Of a query, what may be left out may be empty too: that is the same."""
    for path in app.paths.values():
        for operation in filter(None, (getattr(path, method) for method in METHODS)):
            for parameter in operation.parameters or ():
                if parameter.param_in == ParameterInType.QUERY and not parameter.required:
                    parameter.allowEmptyValue = True
