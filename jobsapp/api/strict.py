"""What a call does not know is refused by name: parameters and fields of calls that take none, and what comes twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import current_app, request
from werkzeug.exceptions import RequestURITooLarge

from jobsapp.errors import FieldError, InvalidInput

LONGEST_ADDRESS = 4000
UNKNOWN = "there is no such field"
MORE_THAN_ONCE = "is given more than once"


def refuse_long_address() -> None:
    """Raises RequestURITooLarge."""
    if len(request.full_path) > LONGEST_ADDRESS:
        raise RequestURITooLarge(f"The address may have {LONGEST_ADDRESS:,} characters.")


def refuse_unknown() -> None:
    """Raises InvalidInput. What the call's own models do not know they refuse themselves."""
    if request.method == "OPTIONS":
        return
    takes = _takes(current_app.view_functions[request.endpoint or ""])
    faults = [FieldError(name, UNKNOWN) for name in request.args if "query" not in takes]
    if "body" not in takes and request.is_json:
        faults += [FieldError(name, UNKNOWN) for name in request.get_json(silent=True) or ()]
    # A form is not looked at before its call does, which says how much it may hold.
    faults += [FieldError(name, MORE_THAN_ONCE) for name, values in request.args.lists() if len(values) > 1]
    if faults:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in faults), errors=tuple(faults))


@cache
def _takes(view: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(inspect.unwrap(view)).parameters)
