"""What waits in queues, told at bounded cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all

DEPTH_COUNTED = 10_000


@dataclass(frozen=True)
class Depth:
    """Due jobs that wait in a queue, counted up to DEPTH_COUNTED."""

    queue: str
    jobs: int
    oldest_at: datetime
    """Since when the one is due that has waited longest, of those that were counted."""

    @property
    def is_more(self) -> bool:
        return self.jobs >= DEPTH_COUNTED


@dataclass(frozen=True)
class WaitingJob:
    id: UUID
    organization_id: UUID
    revision: int


@dataclass(frozen=True)
class Pause:
    """`email`: who paused the queue, and of which organisations they are members; None if they are no more."""

    name: str
    at: datetime
    reason: str | None
    email: str | None
    organization_ids: list[UUID] | None
    home_id: UUID
    """The organisation that runs the installation."""


def pauses(connection: Connection[Any], queues: Iterable[str]) -> dict[str, Pause]:
    """By name, for those of the queues that are paused."""
    return {one.name: one for one in fetch_all(connection, "pauses", Pause, names=list(queues))}


def depths(connection: Connection[Any], organization_id: UUID | None = None) -> dict[str, Depth]:
    """By name, for the queues in which something is due: jobs of everybody, or of one organisation."""
    if organization_id is None:
        found = fetch_all(connection, "queue_sizes", Depth, bound=DEPTH_COUNTED)
    else:
        values = {"organization_id": organization_id, "user_id": None, "bound": DEPTH_COUNTED}
        found = fetch_all(connection, "queue_depths", Depth, **values)
    return {one.queue: one for one in found}


def front(connection: Connection[Any], queue: str, *, limit: int) -> list[WaitingJob]:
    """Due jobs of the queue, those of the largest priority, up to `limit`."""
    return fetch_all(connection, "queue_front", WaitingJob, queue=queue, limit=limit)
