"""What PostgreSQL can keep: less than Python's strings and JSON can say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from jobsapp.errors import FieldError, InvalidInput

NESTING_LIMIT = 64
_BAD = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text, if PostgreSQL can keep it. Raises ValueError for NUL and for half a surrogate pair."""
    if not is_storable(text):
        raise ValueError("contains a character that cannot be stored (NUL or half a surrogate pair)")
    return text


def is_storable(text: str) -> bool:
    return _BAD.search(text) is None


def refuse_faults(**fields: Any) -> None:
    """Raises InvalidInput naming each field, or path in it, that cannot be kept."""
    found = tuple(faults(fields))
    if found:
        raise InvalidInput("; ".join(f"{fault.field}: {fault.message}" for fault in found), errors=found)


def faults(body: Any) -> Iterator[FieldError]:
    """What stands in JSON-like data and cannot be kept, each at its path."""
    # Nearly all data is fine, and to keep the path of each value costs ten times the look at it.
    if _is_fine(body, NESTING_LIMIT):
        return
    waiting: list[tuple[tuple[str, ...], Any]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > NESTING_LIMIT:
            yield FieldError(path[0], f"is nested more than {NESTING_LIMIT} levels deep")
            return
        texts = list(value) if isinstance(value, dict) else [value] if isinstance(value, str) else []
        for text in texts:
            try:
                storable(str(text))
            except ValueError as error:
                yield FieldError(".".join(path), str(error))
        if isinstance(value, float) and not math.isfinite(value):
            yield FieldError(".".join(path), "is not a finite number")
        waiting += [((*path, str(key)), item) for key, item in _inner(value)]


def _is_fine(value: Any, levels: int) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return levels > 0 and all(is_storable(str(key)) and _is_fine(item, levels - 1) for key, item in value.items())
    if isinstance(value, list | tuple):
        return levels > 0 and all(item is None or type(item) is int or _is_fine(item, levels - 1) for item in value)
    return True


def _inner(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()
