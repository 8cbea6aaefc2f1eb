"""What people fill in: the input of a workflow, and the form of an approval. Declared as fields, checked as values."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jobsapp.errors import FieldError

TEXT_LENGTH = 10_000
KEY = r"^[a-z][a-zA-Z0-9_]{0,49}$"
"""Of steps and fields: a name that an expression can say as it is."""


class Part(BaseModel):
    """What every part of a definition is: camelCase as on the wire, and nothing that is not known."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


class FormField(Part):
    """One thing to fill in. Without `default` it has to be, unless it is not `required`."""

    type: Literal["text", "number", "integer", "boolean", "choice", "file", "list", "object", "secret"] = "text"
    title: str = Field("", max_length=200)
    description: str = Field("", max_length=2000)
    required: bool = True
    default: Any = None
    choices: tuple[str, ...] = Field((), max_length=200)


Fields = Mapping[str, FormField]
_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "choice": {"type": "string"},
    "file": {"type": "string", "format": "file-id"},
    "list": {"type": "array"},
    "object": {"type": "object"},
    "secret": {"type": "string", "format": "password", "writeOnly": True},
}


def json_schema(fields: Fields) -> dict[str, Any]:
    """The fields as a JSON Schema (2020-12) of an object."""
    properties = {key: _schema(key, field) for key, field in fields.items()}
    needed = [key for key, field in fields.items() if field.required and field.default is None]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def filled(fields: Fields, values: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], list[FieldError]]:
    """The values with the defaults of what is left out, and what is wrong with them: each fault by its path."""
    faults = [FieldError(f"{prefix}.{key}", "there is no such field.") for key in values if key not in fields]
    found: dict[str, Any] = {}
    for key, field in fields.items():
        value = values.get(key)
        if value is None:
            value = field.default
        if value is None:
            if field.required:
                faults.append(FieldError(f"{prefix}.{key}", "is missing."))
            found[key] = None
        elif fault := _fault(field, value):
            faults.append(FieldError(f"{prefix}.{key}", fault))
        else:
            found[key] = value
    return found, faults


def faults_of_fields(fields: Fields, prefix: str, *, secrets: bool = False) -> list[FieldError]:
    """What is wrong with a declaration itself. `secrets`: whether there may be some."""
    faults = []
    for key, field in fields.items():
        if field.type == "secret" and not secrets:
            faults.append(FieldError(f"{prefix}.{key}.type", "a secret is asked as input of the workflow, not here."))
        if field.type == "secret" and field.default is not None:
            faults.append(
                FieldError(f"{prefix}.{key}.default", "a secret has none: whoever reads the workflow reads it.")
            )
            continue
        if field.type == "choice" and not field.choices:
            faults.append(FieldError(f"{prefix}.{key}.choices", "name at least one choice."))
        if field.type != "choice" and field.choices:
            faults.append(FieldError(f"{prefix}.{key}.choices", "only a field of type choice has choices."))
        if field.default is not None and (fault := _fault(field, field.default)):
            faults.append(FieldError(f"{prefix}.{key}.default", fault))
    return faults


def _schema(key: str, field: FormField) -> dict[str, Any]:
    schema = _SCHEMAS[field.type] | {"title": field.title or key}
    if field.description:
        schema["description"] = field.description
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _fault(field: FormField, value: Any) -> str | None:
    # A whole number may have thousands of digits, which no reader of numbers with a fraction takes.
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    match field.type:
        case "text" if not isinstance(value, str) or len(value) > TEXT_LENGTH:
            return f"must be a text of up to {TEXT_LENGTH:,} characters."
        case "secret" if not isinstance(value, str) or not 1 <= len(value) <= TEXT_LENGTH:
            return f"must be a text of 1 to {TEXT_LENGTH:,} characters."
        case "number" if not number:
            return "must be a number."
        case "integer" if not number or int(value) != value:
            return "must be a whole number."
        case "boolean" if not isinstance(value, bool):
            return "must be true or false."
        case "choice" if value not in field.choices:
            return f"must be one of {', '.join(field.choices)}."
        case "file" if not _is_id(value):
            return "must be the id of an uploaded file."
        case "list" if not isinstance(value, list):
            return "must be a list."
        case "object" if not isinstance(value, dict):
            return "must be an object."
    return None


def _is_id(value: Any) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False
