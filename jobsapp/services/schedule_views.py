"""How schedules and their runs are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.core.schedules import SHOWN_NEXT
from jobsapp.core.sealing import shown
from jobsapp.models import Job, Schedule, ScheduleRun, User
from jobsapp.services.base import Moment, View
from jobsapp.services.new_schedules import said_of
from jobsapp.services.sessions import DbSession

STATUSES = Literal["active", "paused", "ended"]
JobStatus = Literal["pending", "active", "completed", "failed", "cancelled"]


class ScheduleRunView(View):
    """What came of a time at which a schedule was due, or of a run that somebody asked for."""

    run_at: Moment
    """When it was due."""
    made_at: Moment
    outcome: Literal["created", "missed", "overlapped"]
    """`created`: a job was. `missed`: nobody was there to create one in time. `overlapped`: the last one still ran."""
    job_id: UUID | None
    """Null: there was none, or it was deleted since."""
    job_status: JobStatus | None
    asked_by: str | None
    """The e-mail address of who asked for it; null: it was due."""
    missed: int
    """Of missed runs: how many there were, this one the last of them."""
    missed_is_more: bool
    """There were more: not all were counted."""


class ScheduleView(View):
    """Creates jobs of a type at certain times, as its owner."""

    id: UUID
    type: str
    name: str
    description: str
    data: dict[str, Any]
    """The input of each job; secrets are `********`."""
    priority: int
    max_attempts: int | None
    timeout_seconds: float | None
    cron: str | None
    """Null: it has an interval."""
    zone: str
    every_seconds: int | None
    anchor: Moment | None
    """From when intervals are counted."""
    text: str
    """When it is due, in words."""
    ends_at: Moment | None
    jitter_seconds: int
    """By up to so much each run is late on purpose."""
    missed: Literal["skip", "once", "all"]
    missed_limit: int
    overlap: Literal["skip", "queue", "cancel", "allow"]
    status: STATUSES
    paused_at: Moment | None
    paused_by: str | None
    """The e-mail address; null: it paused itself."""
    pause_reason: str | None
    next_runs: list[Moment]
    """The next five times at which it is due; none while it is paused."""
    last_run_at: Moment | None
    last_job_id: UUID | None
    last_job_status: JobStatus | None
    """Null: there was none, or it was deleted since."""
    runs: int
    """How many jobs it has created."""
    owner: str | None
    """The e-mail address of whom it acts as; null: it is declared in code, and acts as the first administrator."""
    declared: bool
    """In code: it may be paused and run, not changed."""
    changeable: bool
    """Whether the caller may change it."""
    created_at: Moment
    updated_at: Moment


class ScheduleViews:
    def __init__(self, session: DbSession) -> None:
        self._session = session

    def schedules(self, actor: Actor, rows: Sequence[Schedule], *, upcoming: int = SHOWN_NEXT) -> list[ScheduleView]:
        """In two statements more, however many they are."""
        emails = self._emails({one for row in rows for one in (row.user_id, row.paused_by)})
        states = self._states({row.last_job_id for row in rows})
        return [_view(actor, row, emails, states, upcoming) for row in rows]

    def runs(self, rows: Sequence[ScheduleRun]) -> list[ScheduleRunView]:
        emails = self._emails({row.asked_by for row in rows})
        states = self._states({row.job_id for row in rows})
        return [_run_view(row, emails, states) for row in rows]

    def _emails(self, user_ids: set[UUID | None]) -> dict[UUID, str]:
        wanted = [one for one in user_ids if one is not None]
        # Who left the organisation is still named.
        query = select(User.id, User.email).where(User.id.in_(wanted)).execution_options(unbounded={User})
        return {row[0]: row[1] for row in self._session.execute(query)} if wanted else {}

    def _states(self, job_ids: set[UUID | None]) -> dict[UUID, str]:
        wanted = [one for one in job_ids if one is not None]
        query = select(Job.id, Job.status).where(Job.id.in_(wanted))
        return {row[0]: row[1] for row in self._session.execute(query)} if wanted else {}


def status_of(row: Schedule) -> STATUSES:
    return "ended" if row.ended_at else "paused" if row.paused_at else "active"


def next_runs(row: Schedule, count: int = SHOWN_NEXT) -> list[datetime]:
    if row.next_run_at is None:
        return []
    return [row.next_run_at, *said_of(row).timing.next_runs(row.next_run_at, count - 1)]


def _view(actor: Actor, row: Schedule, emails: dict[UUID, str], states: dict[UUID, str], upcoming: int) -> ScheduleView:
    told: dict[str, Any] = {name: getattr(row, name) for name in ScheduleView.model_fields if hasattr(Schedule, name)}
    told |= {
        "data": shown(row.data),
        "text": said_of(row).timing.in_words(),
        "status": status_of(row),
        "paused_by": row.paused_by and emails.get(row.paused_by),
        "next_runs": next_runs(row, upcoming),
        "last_job_id": row.last_job_id if row.last_job_id in states else None,
        "last_job_status": states.get(row.last_job_id) if row.last_job_id else None,
        "owner": row.user_id and emails.get(row.user_id, "somebody who is gone"),
        "declared": row.declared is not None,
        "changeable": row.declared is None and actor.may_change(row.user_id),
    }
    return ScheduleView.model_validate(told)


def _run_view(row: ScheduleRun, emails: dict[UUID, str], states: dict[UUID, str]) -> ScheduleRunView:
    told: dict[str, Any] = {
        name: getattr(row, name) for name in ScheduleRunView.model_fields if hasattr(ScheduleRun, name)
    }
    told |= {
        "job_status": states.get(row.job_id) if row.job_id else None,
        "asked_by": row.asked_by and emails.get(row.asked_by, "somebody who is gone"),
    }
    return ScheduleRunView.model_validate(told)
