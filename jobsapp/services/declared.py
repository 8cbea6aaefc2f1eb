"""Schedules that are declared in code: made, changed and ended as the code says, when a keeper begins to lead."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Role
from jobsapp.errors import InvalidInput
from jobsapp.models import Organization, Schedule
from jobsapp.processors.registry import JobType, Registry
from jobsapp.processors.schedules import Cron, Every
from jobsapp.services.bulk import Admissions
from jobsapp.services.firing import planned
from jobsapp.services.inputs import Inputs
from jobsapp.services.new_schedules import TIMING_FIELDS, NewSchedule, checked, refuse_timing, said_of
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession, is_away

log = logging.getLogger(__name__)

NO_USER = UUID(int=0)
GONE = "It is not declared in code any more."


class Declared:
    """The session's transaction is the caller's, who commits."""

    def __init__(
        self, session: DbSession, registry: Registry, inputs: Inputs, secrets: Secrets, admissions: Admissions
    ) -> None:
        self._session = session
        self._registry = registry
        self._inputs = inputs
        self._secrets = secrets
        self._admissions = admissions

    def synchronise(self) -> None:
        """In the organisation that runs the installation. One that cannot be kept is told in the log."""
        home = self._session.scalar(select(Organization.id).where(Organization.runs_installation))
        if home is None:
            return
        self._session.execute(select(func.pg_advisory_xact_lock(func.hashtext("jobsapp declared schedules"))))
        wanted = dict(self._declared())
        query = select(Schedule).where(Schedule.organization_id == home, Schedule.declared.is_not(None))
        known = {row.declared or "": row for row in self._session.scalars(query.with_for_update())}
        now = self._session.execute(select(func.now())).scalar_one()
        for key, new in wanted.items():
            try:
                with self._session.begin_nested():
                    self._put(home, key, refuse_timing(new, now), known.get(key), now)
            except InvalidInput as error:
                log.warning("the schedule %r is declared, but cannot be kept: %s", key, error.detail)
            except Exception as error:
                if is_away(error):
                    raise
                # The type's own code may fail at anything, and others have schedules too.
                log.exception("the schedule %r is declared, but cannot be kept", key)
        for key, row in known.items():
            if key not in wanted and row.ended_at is None:
                row.ended_at, row.next_run_at, row.fire_at = now, None, None
                row.pause_reason = GONE

    def _declared(self) -> Iterator[tuple[str, NewSchedule]]:
        for job_type in self._registry:
            for one in job_type.processor.schedules:
                yield f"{job_type.name}: {one.name}", _said(job_type, one)

    def _put(self, home: UUID, key: str, new: NewSchedule, row: Schedule | None, now: Any) -> None:
        schedule_id = row.id if row is not None else new_id()
        # Nobody in particular: whom it acts as is decided when it is due.
        nobody = Actor(NO_USER, home, "", Role.ADMIN)
        columns, files = checked(
            new, nobody, schedule_id, self._registry, self._inputs, self._secrets, self._admissions
        )
        plan = planned(schedule_id, new.timing, new.jitter_seconds, now)
        if row is None:
            self._session.add(Schedule(id=schedule_id, organization_id=home, declared=key, **columns, **plan))
            self._inputs.hold_for_schedule(schedule_id, home, files)
            return
        before = said_of(row)
        # Intervals of code count from when it was first seen.
        if new.every_seconds is not None and before.every_seconds == new.every_seconds:
            columns["anchor"] = before.anchor
        is_new = any(columns[name] != getattr(before, name) for name in TIMING_FIELDS) or row.ended_at is not None
        for field in fields(NewSchedule):
            setattr(row, field.name, columns[field.name])
        self._inputs.hold_for_schedule(row.id, home, files)
        if row.ended_at is not None:
            row.ended_at = row.pause_reason = None
        if is_new and row.paused_at is None:
            for name, value in planned(row.id, said_of(row).timing, row.jitter_seconds, now).items():
                setattr(row, name, value)


def _said(job_type: JobType, one: Cron | Every) -> NewSchedule:
    return NewSchedule(type=job_type.name, name=one.name, data=dict(one.data), **one.timing())
