"""Making the runs of many schedules in a few statements, where of each exactly one is due and nothing in its way.

All of them or none: whoever calls makes each by itself then, so that one that cannot run holds up no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from jobsapp.core.actors import Actor
from jobsapp.core.rights import Right
from jobsapp.core.schedules import Due, Overlap, due, jitter
from jobsapp.models import Schedule, ScheduleRun
from jobsapp.services.bulk import Bulk
from jobsapp.services.new_jobs import NewJob
from jobsapp.services.new_schedules import said_of
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession
from jobsapp.store import dependencies


class NotTogether(Exception):
    """One of them has to be looked at by itself."""


@dataclass(frozen=True)
class Ready:
    """A schedule with the one run that is due, and as whom it acts."""

    row: Schedule
    owner: Actor
    run_at: datetime
    next_at: datetime | None


def ready(row: Schedule, owner: Actor | None, now: datetime, unfinished: set[UUID]) -> Ready | None:
    """None: there is more to it. Raises CronError."""
    if row.next_run_at is None or owner is None or not owner.may(Right.CREATE):
        return None
    if row.overlap != Overlap.ALLOW and row.last_job_id in unfinished:
        return None
    found = due_of(row, row.next_run_at, now)
    if len(found.runs) != 1 or found.last_missed is not None:
        return None
    return Ready(row, owner, found.runs[0], found.next_at)


def make_together(session: DbSession, bulk: Bulk, secrets: Secrets, made: Sequence[Ready], now: datetime) -> None:
    """Make these runs, in a savepoint of the caller's. Raises NotTogether, and whatever one of them raises."""
    by_owner: dict[tuple[UUID, UUID | None], list[Ready]] = defaultdict(list)
    for one in made:
        by_owner[one.owner.organization_id, one.owner.user_id].append(one)
    job_ids: dict[UUID, UUID] = {}
    for those in by_owner.values():
        added = bulk.add(those[0].owner, [new_job(one.row, secrets) for one in those])
        job_ids |= zip((one.row.id for one in those), added.ids, strict=True)
    runs = [
        {
            "schedule_id": one.row.id,
            "run_at": one.run_at,
            "organization_id": one.row.organization_id,
            "outcome": "created",
            "job_id": job_ids[one.row.id],
        }
        for one in made
    ]
    written = insert(ScheduleRun).values(runs).on_conflict_do_nothing().returning(ScheduleRun.schedule_id)
    if len(session.execute(written).all()) < len(runs):
        raise NotTogether
    for one in made:
        row = one.row
        row.last_job_id, row.last_run_at, row.runs = job_ids[row.id], one.run_at, row.runs + 1
        plan_next(row, one.next_at, now)
    session.flush()


def due_of(row: Schedule, first: datetime, now: datetime) -> Due:
    """What is due of it since `first`. Raises CronError."""
    return due(said_of(row).timing, row.id, row.jitter_seconds, first, now, row.missed, row.missed_limit)


def plan_next(row: Schedule, next_at: datetime | None, now: datetime) -> None:
    """It is due then; None: it has ended."""
    for name, value in next_run(row.id, next_at, row.jitter_seconds).items():
        setattr(row, name, value)
    if next_at is None:
        row.ended_at = now


def next_run(schedule_id: UUID, next_at: datetime | None, jitter_seconds: int) -> dict[str, datetime | None]:
    """The columns that say when it is due next."""
    late = timedelta(0) if next_at is None else jitter(schedule_id, next_at, jitter_seconds)
    return {"next_run_at": next_at, "fire_at": None if next_at is None else next_at + late}


def new_job(row: Schedule, secrets: Secrets, parents: tuple[UUID, ...] = ()) -> NewJob:
    """The job of a run. Raises CannotOpen."""
    said = said_of(row)
    names = ("type", "name", "description", "priority", "max_attempts")
    values: dict[str, Any] = {name: getattr(said.job, name) for name in names}
    return NewJob(
        **values,
        data=secrets.opened(row),
        timeout_seconds=said.timeout_seconds,
        depends_on=parents or None,
        on_parent_failure=dependencies.CONTINUE if parents else None,
        followed=True if row.overlap in (Overlap.QUEUE, Overlap.CANCEL) else None,
    )
