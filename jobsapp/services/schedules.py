"""Schedules: made, changed, paused, run now and shown. What is due `services/firing.py` makes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel
from sqlalchemy import Select, delete, exists, func, select

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Right
from jobsapp.core.schedules import SHOWN_NEXT
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, Forbidden, NotFound
from jobsapp.models import Schedule, ScheduleRun
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.bulk import Admissions
from jobsapp.services.firing import Firing, planned
from jobsapp.services.inputs import Inputs
from jobsapp.services.new_jobs import refuse_longer
from jobsapp.services.new_schedules import (
    JOB_FIELDS,
    TIMING_FIELDS,
    NewSchedule,
    checked,
    checked_job,
    refuse_timing,
    said_of,
)
from jobsapp.services.schedule_views import ScheduleRunView, ScheduleView, ScheduleViews, status_of
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession

MOST = 10_000
"""Schedules of an organisation."""
PAGE = 50
REASON_LENGTH = 500


class PreviewView(View):
    """What a timing means."""

    text: str
    """In words."""
    next_runs: list[Moment]
    """The next five times."""


@dataclass(frozen=True)
class ScheduleFilter:
    """Which schedules; None does not narrow. `status`: active, paused or ended. `job`: the one that created it."""

    type: str | None = None
    status: str | None = None
    user_id: UUID | None = None
    job_id: UUID | None = None


class Schedules:
    def __init__(
        self,
        session: DbSession,
        registry: Registry,
        inputs: Inputs,
        secrets: Secrets,
        firing: Firing,
        admissions: Admissions,
    ) -> None:
        self._session = session
        self._registry = registry
        self._inputs = inputs
        self._secrets = secrets
        self._firing = firing
        self._admissions = admissions
        self._views = ScheduleViews(session)
        self._audit = Audit(session)

    def page(
        self, actor: Actor, wanted: ScheduleFilter, *, before: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[ScheduleView], UUID | None]:
        """Schedules of the organisation, the newest first, and the id to give as `before` for the next page."""
        refuse_faults(type=wanted.type)
        query = self._visible(actor).where(*_conditions(wanted))
        if before is not None:
            query = query.where(Schedule.id < before)
        rows = list(self._session.scalars(query.order_by(Schedule.id.desc()).limit(limit + 1)))
        views = self._views.schedules(actor, rows[:limit])
        return views, rows[limit - 1].id if len(rows) > limit else None

    def get(self, actor: Actor, schedule_id: UUID) -> ScheduleView:
        """Raises NotFound."""
        return self._views.schedules(actor, [self.row(actor, schedule_id)])[0]

    def row(self, actor: Actor, schedule_id: UUID) -> Schedule:
        """Raises NotFound, also for one of another organisation."""
        query = self._visible(actor).where(Schedule.id == schedule_id).execution_options(populate_existing=True)
        row = self._session.scalars(query).one_or_none()
        if row is None:
            raise NotFound(f"There is no schedule {schedule_id}.")
        return row

    def runs(
        self, actor: Actor, schedule_id: UUID, *, before: datetime | None = None, limit: int = PAGE
    ) -> tuple[list[ScheduleRunView], datetime | None]:
        """What came of its runs, the latest first, and the time to give as `before` for the next page."""
        self.row(actor, schedule_id)
        query = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
        if before is not None:
            query = query.where(ScheduleRun.run_at < before)
        rows = list(self._session.scalars(query.order_by(ScheduleRun.run_at.desc()).limit(limit + 1)))
        return self._views.runs(rows[:limit]), rows[limit - 1].run_at if len(rows) > limit else None

    def of_job(self, actor: Actor, job_id: UUID) -> tuple[UUID, str] | None:
        """Id and name of the schedule that created the job."""
        query = self._visible(actor).with_only_columns(Schedule.id, Schedule.name).where(_made(job_id)).limit(1)
        found = self._session.execute(query).first()
        return None if found is None else (found[0], found[1])

    def preview(self, actor: Actor, new: NewSchedule) -> PreviewView:
        """What the timing of `new` means; of its other fields nothing is looked at. Raises InvalidInput."""
        actor.require(Right.READ, "see schedules")
        now = self._now()
        new = refuse_timing(new, now)
        return PreviewView(text=new.timing.in_words(), next_runs=new.timing.next_runs(now, SHOWN_NEXT))

    def create(self, actor: Actor, new: NewSchedule) -> ScheduleView:
        """Keep a schedule of the actor's, and commit. Raises Forbidden, Conflict, and InvalidInput naming fields."""
        actor.require(Right.CREATE, "create schedules")
        if self._is_full(actor):
            raise Conflict(f"An organisation may have {MOST:,} schedules; delete one that is not needed.")
        now, schedule_id = self._now(), new_id()
        new = refuse_timing(new, now)
        columns, files = checked(new, actor, schedule_id, self._registry, self._inputs, self._secrets, self._admissions)
        row = Schedule(
            id=schedule_id,
            organization_id=actor.organization_id,
            user_id=actor.user_id,
            **columns,
            **planned(schedule_id, new.timing, new.jitter_seconds, now),
        )
        self._session.add(row)
        self._inputs.hold_for_schedule(schedule_id, actor.organization_id, files)
        self._note(actor, Action.SCHEDULE_CREATED, row)
        self._session.commit()
        return self.get(actor, schedule_id)

    def edit(self, actor: Actor, schedule_id: UUID, changes: Mapping[str, Any]) -> ScheduleView:
        """Change fields of a NewSchedule, all but its type, and commit.

        Its next run is planned anew if its timing changed. Whoever gives a schedule of somebody else other data owns it
        from then on: nobody lets others' jobs do what they themselves have not asked for, nor gets at their secrets.
        Raises Forbidden, NotFound, InvalidInput, and Conflict for one that is declared in code.
        """
        row = self._changeable(actor, schedule_id, "change")
        if row.declared is not None:
            raise Conflict("This schedule is declared in code: change it there. It may be paused here.")
        before, now = said_of(row), self._now()
        asked = {name: value for name, value in changes.items() if value != getattr(before, name)}
        if "data" in asked:
            asked = self._with_data(actor, row, asked)
        if not asked:
            return self.get(actor, schedule_id)
        is_timed = bool(asked.keys() & set(TIMING_FIELDS))
        new = refuse_timing(before.changed(asked), now, is_new=is_timed)
        values = {name: getattr(new, name) for name in asked} | self._job(actor, row, new, asked)
        if is_timed:
            values |= {name: getattr(new, name) for name in TIMING_FIELDS} | {"ended_at": None}
            if row.paused_at is None:
                values |= planned(row.id, new.timing, new.jitter_seconds, now)
        for name, value in (values | {"updated_at": now}).items():
            setattr(row, name, value)
        self._note(actor, Action.SCHEDULE_CHANGED, row, {"fields": [to_camel(name) for name in sorted(asked)]})
        self._session.commit()
        return self.get(actor, schedule_id)

    def delete(self, actor: Actor, schedule_id: UUID) -> None:
        """Delete it with its history, and commit; its jobs stay. Raises as `edit`."""
        row = self._changeable(actor, schedule_id, "delete")
        if row.declared is not None and row.ended_at is None:
            raise Conflict("This schedule is declared in code: take it away there. It may be paused here.")
        self._note(actor, Action.SCHEDULE_DELETED, row)
        self._session.execute(delete(Schedule).where(Schedule.id == row.id))
        self._session.commit()

    def pause(self, actor: Actor, schedule_id: UUID, *, reason: str | None = None) -> ScheduleView:
        """No run is made until it is resumed. Commits. Raises Forbidden and NotFound; one that is paused stays so."""
        refuse_faults(reason=reason)
        refuse_longer("reason", reason, REASON_LENGTH)
        row = self._changeable(actor, schedule_id, "pause")
        if status_of(row) == "ended":
            raise Conflict("The schedule has ended: there is nothing to pause.")
        if row.paused_at is None:
            row.paused_at, row.paused_by, row.pause_reason = self._now(), actor.user_id, reason or None
            row.next_run_at = row.fire_at = None
            self._note(actor, Action.SCHEDULE_PAUSED, row, {"reason": reason})
            self._session.commit()
        return self.get(actor, schedule_id)

    def resume(self, actor: Actor, schedule_id: UUID) -> ScheduleView:
        """Plan its next run from now on: what was due meanwhile is not made. Commits. Raises as `pause`."""
        row = self._changeable(actor, schedule_id, "resume")
        if row.declared is not None and row.ended_at is not None:
            raise Conflict("This schedule is not declared in code any more: declare it there again, or delete it.")
        if row.paused_at is not None:
            row.paused_at = row.paused_by = row.pause_reason = None
            for name, value in planned(row.id, said_of(row).timing, row.jitter_seconds, self._now()).items():
                setattr(row, name, value)
            self._note(actor, Action.SCHEDULE_RESUMED, row)
            self._session.commit()
        return self.get(actor, schedule_id)

    def run(self, actor: Actor, schedule_id: UUID) -> ScheduleRunView:
        """Create a job of it now, as its owner, whatever else is due or runs, and commit.

        Raises Forbidden, NotFound, and InvalidInput if its data does not fit its type any more.
        """
        row = self._changeable(actor, schedule_id, "run")
        run = self._firing.run(row, actor, self._now())
        self._note(actor, Action.SCHEDULE_RUN, row)
        self._session.commit()
        return self._views.runs([run])[0]

    def _with_data(self, actor: Actor, row: Schedule, asked: dict[str, Any]) -> dict[str, Any]:
        """What is asked for, with the secrets that were left as they were; without the data if it is the same.

        Secrets are for who gave them alone. Raises InvalidInput.
        """
        job_type = self._registry.get(row.type)
        if self._secrets.is_same(row, job_type.validate(self._secrets.masked(job_type, deepcopy(asked["data"]), row))):
            return {name: value for name, value in asked.items() if name != "data"}
        return asked | {"data": self._secrets.kept(actor, job_type, asked["data"], row)}

    def _job(self, actor: Actor, row: Schedule, new: NewSchedule, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that say something of its jobs. Raises InvalidInput, and Forbidden."""
        if "data" in asked:
            actor.require(Right.CREATE, "create jobs")
            columns, files = checked(new, actor, row.id, self._registry, self._inputs, self._secrets, self._admissions)
            self._inputs.hold_for_schedule(row.id, row.organization_id, files)
            return {name: columns[name] for name in asked} | {"user_id": actor.user_id}
        job = checked_job(new.changed({"data": {}}))
        return {name: getattr(job, name) for name in asked if name in JOB_FIELDS} | {"name": job.name or row.name}

    def _changeable(self, actor: Actor, schedule_id: UUID, verb: str) -> Schedule:
        """The row, locked: nothing of it is made meanwhile. Raises NotFound and Forbidden."""
        row = self.row(actor, schedule_id)
        if not actor.may_change(row.user_id):
            right = Right.CREATE if row.user_id == actor.user_id else Right.CHANGE_JOBS
            actor.require(right, f"{verb} schedules" + ("" if right is Right.CREATE else " of others"))
            raise Forbidden(f"You may not {verb} this schedule.")
        self._session.refresh(row, with_for_update=True)
        return row

    def _visible(self, actor: Actor) -> Select[Schedule]:
        return select(Schedule).where(Schedule.organization_id == actor.organization_id)

    def _is_full(self, actor: Actor) -> bool:
        """Whether the organisation has as many as it may."""
        ids = self._visible(actor).with_only_columns(Schedule.id).order_by(Schedule.id.desc())
        return self._session.scalar(ids.offset(MOST - 1).limit(1)) is not None

    def _now(self) -> datetime:
        return self._session.execute(select(func.now())).scalar_one()

    def _note(self, actor: Actor, action: Action, row: Schedule, details: Mapping[str, Any] | None = None) -> None:
        self._session.flush()
        self._audit.note(actor, action, Subject("schedule", row.id, row.name), {"type": row.type, **(details or {})})


def _made(job_id: UUID) -> Any:
    return exists().where(ScheduleRun.job_id == job_id, ScheduleRun.schedule_id == Schedule.id)


def _conditions(wanted: ScheduleFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.type is not None:
        found.append(Schedule.type == wanted.type)
    if wanted.user_id is not None:
        found.append(Schedule.user_id == wanted.user_id)
    if wanted.job_id is not None:
        found.append(Schedule.id.in_(select(ScheduleRun.schedule_id).where(ScheduleRun.job_id == wanted.job_id)))
    states = {
        "active": (Schedule.paused_at.is_(None), Schedule.ended_at.is_(None)),
        "paused": (Schedule.paused_at.is_not(None), Schedule.ended_at.is_(None)),
        "ended": (Schedule.ended_at.is_not(None),),
    }
    return [*found, *(states[wanted.status] if wanted.status else ())]
