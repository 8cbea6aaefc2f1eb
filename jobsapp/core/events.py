"""What is said when a job changes. A message carries no content: whoever hears it reads the job."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from jobsapp.core.states import Status


class Event(StrEnum):
    CREATED = "job-created"
    UPDATE = "job-update"
    COMPLETED = "job-completed"
    FAILED = "job-failed"
    CANCELLED = "job-cancelled"
    DELETED = "job-deleted"


FINAL: dict[str, Event] = {
    Status.COMPLETED: Event.COMPLETED,
    Status.FAILED: Event.FAILED,
    Status.CANCELLED: Event.CANCELLED,
}


def event_for(status: str) -> Event:
    """The event that tells of a job having reached `status` (or moved on within it)."""
    return FINAL.get(status, Event.UPDATE)


class JobChanged(NamedTuple):
    """A hint that a job changed: its id, its organisation, what happened and the revision it had then."""

    job_id: UUID
    organization_id: UUID
    event: Event
    revision: int
