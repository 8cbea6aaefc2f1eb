"""What workers have to do now, as the database knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all


@dataclass(frozen=True)
class WorkerJob:
    """An active job of a worker. `jobs`: how many of its kind, own or others', the worker has.

    Of another organisation's (not `own`) there is one for all, and nothing else is told.
    """

    worker: str
    alive: bool
    own: bool
    jobs: int
    id: UUID | None
    name: str | None
    type: str | None
    progress_current: float | None
    progress_total: float | None
    progress_message: str | None
    started_at: datetime | None
    stopping: bool


def worker_jobs(connection: Connection[Any], organization_id: UUID, *, shown: int) -> list[WorkerJob]:
    """Of each worker up to `shown` jobs of the organisation, and one entry for all others."""
    return fetch_all(connection, "worker_jobs", WorkerJob, organization_id=organization_id, shown=shown)
