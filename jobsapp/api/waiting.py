"""`Prefer: wait=SECONDS` (RFC 7240, section 4.3): an answer that may wait until there is something to tell."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

from flask import Response, after_this_request
from pydantic import BaseModel, Field

from jobsapp.auth.current import forget_reader, services
from jobsapp.extensions import db

LONGEST_SECONDS = 60
# Nobody rings while Redis is away.
LOOK_SECONDS = 1.0
_WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE)


class WaitHeaders(BaseModel):
    prefer: str | None = Field(
        None,
        alias="Prefer",
        description=f"`wait=30`: wait up to 30 seconds, {LONGEST_SECONDS} at most. `Preference-Applied` in the answer "
        "says that it was done; without it too many wait here already, and the answer is that of now.",
        json_schema_extra={"example": "wait=30"},
    )


def wait(job_id: UUID, header: WaitHeaders, is_over: Callable[[], bool]) -> None:
    """Wait as the request prefers, until `is_over`. Holds no connection to the database meanwhile.

    `is_over` is called whenever something happened to the job, and every second. Who asks has to be asked anew
    afterwards: their right may have ended.
    """
    seconds = preferred_seconds(header.prefer or "")
    if not seconds:
        return
    with services().bells.at(job_id) as bell:
        if bell is None:
            return
        after_this_request(partial(_applied, seconds))
        until = time.monotonic() + seconds
        while not is_over() and not bell.over and (left := until - time.monotonic()) > 0:
            # Gives its connection back, and goes on asking for whom it asked.
            db.session.close()
            bell.wait(min(left, LOOK_SECONDS))
    forget_reader()


def preferred_seconds(prefer: str) -> int:
    """How long a `Prefer` header wants to wait. 0: not at all. What is not understood is ignored, as the RFC has it."""
    found = (_WAIT.fullmatch(part) for part in prefer.split(","))
    first = next((match for match in found if match), None)
    return min(int(first[1]), LONGEST_SECONDS) if first else 0


def _applied(seconds: int, response: Response) -> Response:
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response
