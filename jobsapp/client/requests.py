"""What a program asks for, as typed values."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec

from jobsapp.client.answers import Job, Status


class Backoff(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How long a failed attempt waits for the next. What is missing is as the type says.

    Example:
        client.create("data-conversion", data, retry=Backoff(first_seconds=5, factor=3))
    """

    first_seconds: float | None = None
    factor: float | None = None
    ceiling_seconds: float | None = None
    jitter: float | None = None


class NewJob(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A job to be created. Times without a zone are this machine's.

    `depends_on`: ids of jobs, and in `create_many` the `ref` of others of the same call.

    Example:
        client.create_many([NewJob("data-conversion", data), NewJob("data-conversion", data, priority=5)])
    """

    type: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    name: str | None = None
    description: str = ""
    priority: int = 0
    max_attempts: int | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    timeout_seconds: float | None = None
    retry: Backoff | None = None
    depends_on: tuple[str, ...] = ()
    on_parent_failure: Literal["cancel", "fail", "continue"] = "cancel"
    ref: str | None = None
    weight: float | None = None
    """In a batch: what it is expected to cost beside the others."""

    def body(self) -> dict[str, Any]:
        """As the API takes it."""
        times = {name: getattr(self, name) for name in ("run_at", "expires_at")}
        zoned = {name: moment.astimezone() for name, moment in times.items() if moment is not None}
        body: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(self, **zoned))
        # One without input is created with an empty one.
        return {"data": {}, **body}


class Filter(TypedDict, total=False):
    """Which jobs: what is missing does not narrow. `user`: `me`, an e-mail address or an id. `text`: in the name or the
    description."""

    type: str | None
    status: Status | None
    queue: str | None
    user: str | None
    text: str | None
    created_after: datetime | None
    created_before: datetime | None
    batch: UUID | str | None


NAMES = {"text": "q", "created_after": "createdAfter", "created_before": "createdBefore"}


def filter_fields(wanted: Filter) -> dict[str, str]:
    """A filter as query or body of the API."""
    found: dict[str, str] = {}
    for name, value in wanted.items():
        if value is not None:
            text = value.astimezone().isoformat() if isinstance(value, datetime) else str(value)
            found[NAMES.get(name, name)] = text
    return found


def id_of(thing: Job | UUID | str) -> UUID:
    """The id of a job, or of what has one. Raises ValueError for a text that is none."""
    return thing if isinstance(thing, UUID) else UUID(thing) if isinstance(thing, str) else thing.id


def to_json(body: Any) -> bytes:
    """The body of a request. What JSON has no words for (NaN) is sent as it is: the server names the field."""
    return json.dumps(body).encode()
