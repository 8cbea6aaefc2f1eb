"""Speaking for a job whose process lives and cannot speak: a library holds its interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_one


@dataclass(frozen=True)
class _Answer:
    cancel_requested: bool


def speak_for(connection: Connection[Any], job_id: UUID, attempt: int, *, lease_seconds: float) -> bool:
    """Renew the lease of an attempt. False: it has to stop, since it was cancelled or is another worker's now."""
    values = {"id": job_id, "attempt": attempt, "lease": lease_seconds}
    answer = fetch_one(connection, "speak_for_silent", _Answer, **values)
    return answer is not None and not answer.cancel_requested
