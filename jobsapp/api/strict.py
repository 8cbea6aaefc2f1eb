"""What a call does not know is refused by name: parameters and fields of calls that take none, and what comes twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
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


def refuse_unknown_parameters() -> None:
    """Raises InvalidInput. What the call's own model does not know that refuses itself."""
    names = [] if request.method == "OPTIONS" or _takes("query") else list(request.args)
    faults = [FieldError(name, UNKNOWN) for name in names]
    faults += [FieldError(name, MORE_THAN_ONCE) for name, values in request.args.lists() if len(values) > 1]
    _refuse(faults)


def refuse_unknown_fields(body: Iterable[str]) -> None:
    """As `refuse_unknown_parameters`, for a body that was read."""
    _refuse([] if _takes("body") else [FieldError(name, UNKNOWN) for name in body])


def _refuse(faults: list[FieldError]) -> None:
    if faults:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in faults), errors=tuple(faults))


def _takes(part: str) -> bool:
    return part in _parts(current_app.view_functions[request.endpoint or ""])


@cache
def _parts(view: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(inspect.unwrap(view)).parameters)
