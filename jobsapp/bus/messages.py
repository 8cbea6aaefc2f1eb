"""What comes out of Redis, read with suspicion: whoever can write there must not be able to have anything executed.

Messages are ids and fixed words, as JSON or lines, short, and never pickles. What is anything else is `Refused`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from jobsapp.core.events import Event, JobChanged

WAKE_UP = "drain"
SHUTDOWN, KILL_HORSE = "shutdown", "kill-horse"
ORDER_BYTES = 200
WAKE_UP_BYTES = 200
# 10,000 jobs that were created at once are a message of 900 KB.
NEWS_BYTES = 2 * 1024 * 1024
REVISION_DIGITS = 18


class Refused(ValueError):
    """A message that is none of ours; the text says why, and has nothing of the message in it."""


@dataclass(frozen=True)
class Order:
    """What a worker is told: to end, or to kill its work-horse because of this job."""

    command: Literal["shutdown", "kill-horse"]
    job_id: UUID | None = None


def read_wake_up(data: bytes) -> None:
    """Look whether the packed text of an RQ job is that of a wake-up. Raises Refused."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, WAKE_UP_BYTES)
    except zlib.error:
        raise Refused("it is not packed as RQ packs its jobs") from None
    if not unpacking.eof or unpacking.unused_data:
        raise Refused(f"it has more than {WAKE_UP_BYTES} bytes")
    if _json(text) != [WAKE_UP, None, [], {}]:
        raise Refused("it asks for something else than to drain its queue")


def read_order(data: object) -> Order:
    """An order to a worker: {"command": "shutdown"} or {"command": "kill-horse", "job": id}. Raises Refused."""
    if not isinstance(data, bytes) or len(data) > ORDER_BYTES:
        raise Refused(f"it is no text of up to {ORDER_BYTES} bytes")
    match _json(data):
        case {"command": "shutdown", **rest} if not rest:
            return Order("shutdown")
        case {"command": "kill-horse", "job": str(job), **rest} if not rest:
            return Order("kill-horse", read_id(job))
    raise Refused("it is neither of the two orders there are: to end, and to kill a work-horse that runs a given job")


def read_news(data: bytes) -> list[JobChanged]:
    """Changes of jobs, a line each: `job organization event revision`. Raises Refused."""
    if len(data) > NEWS_BYTES:
        raise Refused(f"it has {len(data):,} bytes, more than {NEWS_BYTES:,}")
    return [_change(line) for line in _text(data).split("\n")]


def read_id(text: str | bytes) -> UUID:
    """An id, with or without hyphens. Raises Refused."""
    try:
        plain = _text(text) if isinstance(text, bytes) else text
        if len(plain) not in (32, 36) or not plain.isascii():
            raise ValueError
        return UUID(plain)
    except ValueError:
        raise Refused("an id in it is none") from None


def _change(line: str) -> JobChanged:
    parts = line.split(" ")
    if len(parts) != 4:
        raise Refused("a line in it is not `job organization event revision`")
    job, organization, event, revision = parts
    if not (revision.isascii() and revision.isdigit() and len(revision) <= REVISION_DIGITS):
        raise Refused("a revision in it is no number")
    try:
        return JobChanged(read_id(job), read_id(organization), Event(event), int(revision))
    except Refused:
        raise
    except ValueError:
        raise Refused("an event in it is none") from None


def _json(data: bytes) -> Any:
    try:
        return json.loads(_text(data))
    except (ValueError, RecursionError):
        raise Refused("it is no JSON") from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("it is no UTF-8") from None
