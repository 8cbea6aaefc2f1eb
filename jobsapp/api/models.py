"""Bases of what the API takes and gives, and types of fields that several calls share."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from functools import cache
from typing import Annotated, Any, get_args
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from jobsapp.core.storable import storable

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")

Text = Annotated[str, AfterValidator(storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
Whole = StrictInt


def _written_out(moment: Any) -> Any:
    """Raises ValueError for a number: whether those are seconds or milliseconds would be a guess."""
    if (isinstance(moment, str) and not _MOMENT.match(moment)) or not isinstance(moment, str | datetime | None):
        raise ValueError("must be a time with its zone, as 2026-11-26T18:00:00Z")
    return moment


When = Annotated[
    AwareDatetime, BeforeValidator(_written_out), WithJsonSchema({"type": "string", "format": "date-time"})
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = StrictBool


class Body(BaseModel):
    """A JSON body: camelCase, snake_case accepted, unknown fields refused by name, no body the same as `{}`.

    A whole number may have a point: in JSON `5.0` is `5`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return {} if body is None else body
        pointed = [name for name, value in body.items() if isinstance(value, float) and value.is_integer()]
        wholes = {name: int(body[name]) for name in pointed if name in _whole_fields(cls)}
        return body | wholes if wholes else body


@cache
def _whole_fields(model: type[Body]) -> frozenset[str]:
    """The names, in each spelling, of the fields that take whole numbers."""
    names = set()
    for name, field in model.model_fields.items():
        if {int, StrictInt} & {field.annotation, *get_args(field.annotation)}:
            names |= {name, field.alias or name}
    return frozenset(names)


class Query(BaseModel):
    """A query string: camelCase, snake_case accepted, unknown parameters refused by name, an empty one the same as
    none."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        written = {name: field.alias for name, field in cls.model_fields.items() if field.alias}
        return {written.get(name, name): value for name, value in given.items() if value != ""}


class IdPath(BaseModel):
    id: UUID


CURSOR = "^[A-Za-z0-9_-]{21}[AQgw]$"
"""128 bits as base64: the last letter has but two of them."""


def encode_cursor(last: UUID) -> str:
    """Where a page ended, as callers carry it to the next one."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: Any) -> UUID:
    """Raises ValueError for anything that `encode_cursor` did not make."""
    try:
        last = UUID(bytes=base64.b64decode(f"{cursor}==", b"-_", validate=True))
    except (binascii.Error, ValueError):
        last = None
    if last is None or encode_cursor(last) != cursor:
        raise ValueError("is not a cursor of this API; leave it out to begin at the first page")
    return last


Cursor = Annotated[UUID, BeforeValidator(decode_cursor), WithJsonSchema({"type": "string", "pattern": CURSOR})]
