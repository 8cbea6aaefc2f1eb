"""The statements that move a job between states, as typed functions. Each is one round trip.

They take a psycopg connection and never commit: the caller owns the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Json

from jobsapp.core.states import Status
from jobsapp.store.statements import fetch_all, fetch_one, statement

PLACES_COUNTED = 1000
LOST_AT_ONCE = 100


class ClaimedJob(NamedTuple):
    """A job that this worker owns, for as long as nobody else starts attempt `attempt` + 1."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    type: str
    queue: str
    data: dict[str, Any]
    checkpoint: Any
    attempt: int
    max_attempts: int
    allowance: int
    revision: int
    timeout_seconds: float | None = None
    retry: dict[str, float] | None = None


class ChangedJob(NamedTuple):
    """What a statement that moved a job tells of it."""

    id: UUID
    organization_id: UUID
    queue: str
    status: str
    revision: int


@dataclass(frozen=True)
class LostJob:
    """An active job that its worker does not end. `alone`: that worker has no other, so it is this one that runs.

    `held_seconds`: from its claim to the end of its lease.
    """

    id: UUID
    attempt: int
    max_attempts: int
    allowance: int
    worker: str
    type: str
    cancel_requested: bool
    alone: bool
    retry: dict[str, float] | None = None
    timeout_seconds: float | None = None
    held_seconds: float = 0.0


@dataclass(frozen=True)
class OverdueJob(LostJob):
    """One that should have stopped `late_seconds` ago. `exceeded`: the timeout in seconds, if that is why."""

    late_seconds: float = 0.0
    exceeded: float | None = None


@dataclass(frozen=True)
class Beat:
    """The answer to a pulse."""

    revision: int
    cancel_requested: bool


@dataclass(frozen=True)
class LogLine:
    at: datetime
    level: str
    message: str


class Pulse(NamedTuple):
    """What a running job has to say since its last pulse. `changed` False: only that it lives."""

    current: float | None
    total: float | None
    message: str | None
    changed: bool
    lines: tuple[LogLine, ...] = ()
    checkpoint: Any = None


def pulse_job(
    connection: Connection[Any], job_id: UUID, attempt: int, pulse: Pulse, *, lease_seconds: float
) -> Beat | None:
    """Write a sign of life. None: the job is no longer this worker's, so stop and write nothing."""
    return fetch_one(
        connection,
        "pulse_job",
        Beat,
        id=job_id,
        attempt=attempt,
        lease=lease_seconds,
        current=pulse.current,
        total=pulse.total,
        message=pulse.message,
        changed=pulse.changed,
        writes=pulse.changed or pulse.checkpoint is not None,
        checkpoint=None if pulse.checkpoint is None else Json(pulse.checkpoint),
        log_at=[line.at for line in pulse.lines],
        log_level=[line.level for line in pulse.lines],
        log_message=[line.message for line in pulse.lines],
    )


def add_artifact(
    connection: Connection[Any],
    *,
    job_id: UUID,
    attempt: int,
    file_id: UUID,
    name: str,
    size: int,
    media_type: str,
    sha256: str,
) -> None:
    """Register a file that the attempt made. Call it in the transaction that finishes the attempt."""
    values = {
        "job_id": job_id,
        "attempt": attempt,
        "file_id": file_id,
        "name": name,
        "size": size,
        "media_type": media_type,
        "sha256": sha256,
    }
    connection.execute(statement("add_artifact"), values)


def cancel_job(
    connection: Connection[Any], job_id: UUID, *, user_id: UUID | None, reason: str | None
) -> ChangedJob | None:
    """Cancel a pending job, ask an active one to stop. None: it is finished or does not exist."""
    changed = fetch_one(connection, "cancel_job", ChangedJob, id=job_id, user_id=user_id, reason=reason)
    if changed is not None and changed.status == Status.CANCELLED:
        connection.execute(statement("unqueue"), {"id": job_id})
    return changed


def cancel_jobs(
    connection: Connection[Any],
    job_ids: Sequence[UUID],
    *,
    organization_id: UUID,
    user_id: UUID | None,
    reason: str | None,
) -> list[ChangedJob]:
    """As `cancel_job`, for those of these jobs that nobody else is writing and that were not asked to stop before."""
    waiting = [row[0] for row in connection.execute(statement("lock_waiting"), {"ids": list(job_ids)})]
    return fetch_all(
        connection,
        "cancel_jobs",
        ChangedJob,
        ids=list(job_ids),
        waiting=waiting,
        organization_id=organization_id,
        user_id=user_id,
        reason=reason,
    )


def retry_jobs(connection: Connection[Any], job_ids: Sequence[UUID], *, organization_id: UUID) -> list[ChangedJob]:
    """As `retry_job`, for those of these jobs that nobody else is writing."""
    values = {"ids": list(job_ids), "organization_id": organization_id}
    locked = [row[0] for row in connection.execute(statement("lock_ended"), values)]
    return fetch_all(connection, "retry_jobs", ChangedJob, ids=locked) if locked else []


def enqueue(
    connection: Connection[Any], job_ids: Sequence[UUID], *, blockers: Mapping[UUID, int] | None = None
) -> None:
    """Put new jobs into their queues. Call it in the transaction that creates them.

    `blockers`: how many jobs some of them wait for.
    """
    blockers = blockers or {}
    values = {"ids": list(job_ids), "blocked": list(blockers), "blockers": list(blockers.values())}
    connection.execute(statement("enqueue"), values)


def retry_job(connection: Connection[Any], job_id: UUID) -> ChangedJob | None:
    """Put a failed or cancelled job back to pending. None: it is neither."""
    return fetch_one(connection, "retry_jobs", ChangedJob, ids=[job_id])


def lost_jobs(connection: Connection[Any], *, worker: str | None = None, limit: int = LOST_AT_ONCE) -> list[LostJob]:
    """Lock the active jobs whose lease ended, and those of `worker`, whose work-horse is known to be dead."""
    if worker is not None:
        connection.execute(statement("lock_lease"), {"worker": worker})
    return fetch_all(connection, "lost_jobs", LostJob, worker=worker, limit=limit)


def overdue_jobs(connection: Connection[Any], *, seconds: float, timeouts: Mapping[str, float]) -> list[OverdueJob]:
    """Lock the active jobs that were asked to stop, or whose time was over, more than `seconds` ago.

    `timeouts`: seconds by type, for jobs that have none of their own.
    """
    return fetch_all(connection, "overdue_jobs", OverdueJob, seconds=seconds, timeouts=json.dumps(dict(timeouts)))


def forget_leases(connection: Connection[Any]) -> None:
    """Delete the leases of workers that are gone for good and have no job."""
    connection.execute(statement("forget_leases"))


def make_due(connection: Connection[Any], *, limit: int = 10_000) -> int:
    """Let the jobs whose time has come be claimed, the earliest first. Returns how many."""
    return connection.execute(statement("make_due"), {"limit": limit}).rowcount


def expire_jobs(connection: Connection[Any], *, limit: int = 1000) -> list[ChangedJob]:
    """Cancel pending jobs that had not started by their `expires_at`."""
    return fetch_all(connection, "expire_jobs", ChangedJob, limit=limit)


def due_queues(connection: Connection[Any], *, under_limits: bool = False) -> list[str]:
    """The queues that have a job to run now and are not paused.

    `under_limits`: none unless there are limits that hold for several queues at once.
    """
    return [row.queue for row in fetch_all(connection, "due_queues", _Queue, under_limits=under_limits)]


def waiting_organizations(connection: Connection[Any], queue: str, *, limit: int = 64) -> list[UUID]:
    """Organisations that wait for a turn at the largest priority of the queue, up to `limit`."""
    rows = connection.execute(statement("waiting_organizations"), {"queue": queue, "limit": limit})
    return [row[0] for row in rows]


def waiting_places(connection: Connection[Any], job_ids: list[UUID]) -> dict[UUID, int]:
    """For each of these jobs that is pending and due: how many of its own organisation start before it, as the queue is
    now, counted up to PLACES_COUNTED."""
    rows = fetch_all(connection, "waiting_places", _Place, ids=job_ids, bound=PLACES_COUNTED)
    return {row.job_id: row.ahead for row in rows}


@dataclass(frozen=True)
class _Queue:
    queue: str


@dataclass(frozen=True)
class _Place:
    job_id: UUID
    ahead: int
