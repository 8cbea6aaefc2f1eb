"""Bases of what the API takes and gives, and types of fields that several calls share."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StrictInt, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from jobsapp.core.storable import storable

Text = Annotated[str, AfterValidator(storable)]
Whole = StrictInt


class Body(BaseModel):
    """A JSON body: camelCase, snake_case accepted, unknown fields refused by name, no body the same as `{}`."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _never_none(cls, body: Any) -> Any:
        return {} if body is None else body


class Query(BaseModel):
    """A query string: unknown parameters refused by name, an empty one the same as none."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value != ""}


class IdPath(BaseModel):
    id: UUID


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


Cursor = Annotated[UUID, BeforeValidator(decode_cursor), WithJsonSchema({"type": "string"})]
