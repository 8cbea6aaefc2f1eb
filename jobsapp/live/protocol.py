"""What JSON clients may say: `{"action": "subscribe-job" | "unsubscribe-job", "jobId": id}`."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from jobsapp.errors import InvalidInput
from jobsapp.processors.registry import invalid


class Wish(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    action: Literal["subscribe-job", "unsubscribe-job"]
    job_id: UUID


def parse(message: str | bytes) -> Wish:
    """Raises InvalidInput that names what is wrong."""
    if isinstance(message, bytes):
        raise InvalidInput("Send text, not binary.")
    try:
        return Wish.model_validate_json(message)
    except ValidationError as error:
        raise invalid(error) from None
