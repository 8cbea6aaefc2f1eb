"""Making the runs of schedules that are due, each once, whoever else does the same.

A schedule is locked, what is due is decided (`core/schedules.py`), and what comes of it is written with its next run in
the same transaction; the key of `schedule_runs` holds it all together. Nothing here waits for a lock.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.cron import CronError
from jobsapp.core.events import JobChanged, event_for
from jobsapp.core.rights import Right
from jobsapp.core.schedules import Due, Overlap, Timing
from jobsapp.core.sealing import CannotOpen
from jobsapp.core.states import TERMINAL
from jobsapp.errors import InvalidInput
from jobsapp.models import Job, Membership, Schedule, ScheduleRun, User
from jobsapp.services.actors import actor_of, actors
from jobsapp.services.firing_together import Ready, due_of, make_together, new_job, next_run, plan_next, ready
from jobsapp.services.jobs import Jobs
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession, driver, is_away
from jobsapp.store import dependencies
from jobsapp.store.jobs import cancel_jobs

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Schedules in a transaction."""
MOST_QUEUED = 100
"""So many jobs of a schedule wait for each other; what is due beyond is as with Overlap.SKIP."""
SOON = timedelta(seconds=1)
AGAIN = timedelta(seconds=60)
"""After a fault that nobody foresaw."""
KEPT_RUNS = 1000
"""Runs of a schedule that its history keeps."""
FORGET_EVERY = 50
NO_OWNER = "Whom it acts as may not create jobs here any more: somebody who may has to make it anew."
REPLACED = "The next run of its schedule was due."
OTHER_KEY = "Its secrets were sealed with another secret key: give them again."


Owners = dict[tuple[UUID, UUID | None], Actor]


class _Stopped(Exception):
    """It cannot go on, for the reason that is said."""


class _Later(Exception):
    """Somebody else is writing the job of the last run: look again in a moment."""


@dataclass(frozen=True)
class Fired:
    """How many schedules were due, AT_ONCE if there may be more, and which of them are to be fired by themselves."""

    schedules: int
    apart: list[UUID]


class Firing:
    """The session's transaction is the caller's, who commits."""

    def __init__(self, session: DbSession, jobs: Jobs, secrets: Secrets, hints: Hints) -> None:
        self._session = session
        self._jobs = jobs
        self._secrets = secrets
        self._hints = hints

    def tick(self, now: datetime) -> Fired:
        """Make the runs of the first AT_ONCE schedules that are due. `now`: of the database.

        Those that cancel a job are left for `alone`: it would be locked, and its worker wait, until all are made.
        """
        query = select(Schedule).where(Schedule.fire_at <= now).order_by(Schedule.fire_at).limit(AT_ONCE)
        rows = self._locked(query)
        unfinished = self._unfinished(rows)
        apart = [row for row in rows if row.overlap == Overlap.CANCEL and row.last_job_id in unfinished]
        self._fire_all([row for row in rows if row not in apart], now, unfinished)
        return Fired(len(rows), [row.id for row in apart])

    def alone(self, schedule_id: UUID, now: datetime) -> None:
        """Make the runs of that schedule if it still is due."""
        rows = self._locked(select(Schedule).where(Schedule.id == schedule_id, Schedule.fire_at <= now))
        self._fire_all(rows, now, self._unfinished(rows))

    def _locked(self, query: Select[Schedule]) -> list[Schedule]:
        query = query.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
        return list(self._session.scalars(query))

    def _fire_all(self, rows: Sequence[Schedule], now: datetime, unfinished: set[UUID]) -> None:
        owners = self._owners(rows)
        done = self._together(rows, owners, now, unfinished)
        for row in rows:
            if row.id not in done:
                self._fire(row, owners.get((row.organization_id, row.user_id)), now, unfinished)

    def _together(self, rows: Sequence[Schedule], owners: Owners, now: datetime, unfinished: set[UUID]) -> set[UUID]:
        """Make the runs of those that are simple, in a few statements. Returns which: if one of them fails, none."""
        found: list[Ready] = []
        for row in rows if len(rows) > 1 else ():
            with suppress(CronError):
                one = ready(row, owners.get((row.organization_id, row.user_id)), now, unfinished)
                found += [one] if one else []
        if not found:
            return set()
        try:
            with self._session.begin_nested():
                make_together(self._session, self._jobs.bulk, self._secrets, found, now)
                for one in found:
                    if one.row.runs % FORGET_EVERY == 0:
                        self._forget(one.row)
        except Exception as error:
            if is_away(error):
                raise
            log.info("schedules are run one by one, because of one of them: %s", type(error).__name__)
            return set()
        return {one.row.id for one in found}

    def run(self, row: Schedule, asked_by: Actor, now: datetime) -> ScheduleRun:
        """Create a job now because somebody asks for it; the row is locked. Raises InvalidInput."""
        owner = self._owners([row]).get((row.organization_id, row.user_id))
        if owner is None or not owner.may(Right.CREATE):
            raise InvalidInput(NO_OWNER)
        run = ScheduleRun(schedule_id=row.id, run_at=now, organization_id=row.organization_id, outcome="created")
        run.asked_by, run.made_at, run.missed, run.missed_is_more = asked_by.user_id, now, 0, False
        try:
            run.job_id = self._job(row, owner)
        except CannotOpen:
            raise InvalidInput(OTHER_KEY) from None
        self._session.add(run)
        row.last_job_id, row.last_run_at, row.runs = run.job_id, now, row.runs + 1
        return run

    def _fire(self, row: Schedule, owner: Actor | None, now: datetime, unfinished: set[UUID]) -> None:
        """What is due of one schedule. Whatever happens, the others go on."""
        schedule_id = row.id
        try:
            with self._session.begin_nested():
                self._make(row, owner, now, unfinished)
        except _Later:
            self._write(schedule_id, fire_at=now + SOON)
        except _Stopped as error:
            self._pause(schedule_id, str(error), now)
        except InvalidInput as error:
            self._pause(schedule_id, f"Its input is refused: {error.detail}", now)
        except CannotOpen:
            self._pause(schedule_id, OTHER_KEY, now)
        except CronError as error:
            self._pause(schedule_id, f"Its time cannot be told any more: {error}", now)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("the schedule %s could not be run; it is tried again in %s", schedule_id, AGAIN)
            self._write(schedule_id, fire_at=now + AGAIN)

    def _make(self, row: Schedule, owner: Actor | None, now: datetime, unfinished: set[UUID]) -> None:
        first = row.next_run_at
        if first is None:
            return
        if owner is None or not owner.may(Right.CREATE):
            raise _Stopped(NO_OWNER)
        found = due_of(row, first, now)
        self._tell_missed(row, found)
        for run_at in found.runs:
            self._make_run(row, owner, run_at, unfinished)
        plan_next(row, found.next_at, now)
        self._session.flush()

    def _make_run(self, row: Schedule, owner: Actor, run_at: datetime, unfinished: set[UUID]) -> None:
        last = row.last_job_id if row.last_job_id in unfinished else None
        outcome, parents = "created", tuple[UUID, ...]()
        if last is not None and row.overlap != Overlap.ALLOW:
            if row.overlap == Overlap.SKIP or (row.overlap == Overlap.QUEUE and self._is_full(row)):
                outcome = "overlapped"
            else:
                parents = self._wait_for(row, owner, last)
        if not self._book(row, run_at, outcome):
            # Made before, by a keeper whose clock of the schedule was set back by hand.
            return
        if outcome == "created":
            job_id = self._job(row, owner, parents)
            key = ScheduleRun.schedule_id == row.id, ScheduleRun.run_at == run_at
            self._session.execute(update(ScheduleRun).where(*key).values(job_id=job_id))
            row.last_job_id, row.runs = job_id, row.runs + 1
            unfinished.add(job_id)
        row.last_run_at = run_at
        if outcome == "overlapped" or row.runs % FORGET_EVERY == 0:
            self._forget(row)

    def _job(self, row: Schedule, owner: Actor, parents: tuple[UUID, ...] = ()) -> UUID:
        # Only with an idempotency key there may be none.
        return cast(UUID, self._jobs.add(owner, new_job(row, self._secrets, parents)))

    def _unfinished(self, rows: Sequence[Schedule]) -> set[UUID]:
        """The jobs of their last runs that have not ended."""
        last = [row.last_job_id for row in rows if row.last_job_id is not None]
        query = select(Job.id).where(Job.id.in_(last), Job.status.not_in(TERMINAL))
        return set(self._session.scalars(query)) if last else set()

    def _wait_for(self, row: Schedule, owner: Actor, last: UUID) -> tuple[UUID, ...]:
        """Let the new job wait for the last one, which is asked to stop if so chosen. Raises _Later."""
        connection = driver(self._session)
        if dependencies.follow(connection, [last], organization_id=row.organization_id):
            raise _Later
        if row.overlap == Overlap.CANCEL:
            told = cancel_jobs(
                connection, [last], organization_id=row.organization_id, user_id=owner.user_id, reason=REPLACED
            )
            asked = select(Job.id).where(Job.id == last, Job.cancel_requested_at.is_(None), Job.status.not_in(TERMINAL))
            if not told and self._session.scalar(asked) is not None:
                raise _Later
            changes = [JobChanged(one.id, one.organization_id, event_for(one.status), one.revision) for one in told]
            after_commit(self._session(), partial(self._hints.publish, changes))
        return (last,)

    def _is_full(self, row: Schedule) -> bool:
        """Whether as many of its jobs wait as may."""
        newest = (
            select(ScheduleRun.job_id)
            .where(ScheduleRun.schedule_id == row.id)
            .order_by(ScheduleRun.run_at.desc())
            .limit(MOST_QUEUED)
            .subquery()
        )
        query = select(Job.id).join(newest, newest.c.job_id == Job.id).where(Job.status.not_in(TERMINAL))
        return len(self._session.scalars(query).all()) >= MOST_QUEUED

    def _tell_missed(self, row: Schedule, found: Due) -> None:
        if found.last_missed is not None:
            self._book(row, found.last_missed, "missed", missed=found.missed, missed_is_more=found.missed_is_more)
            row.last_run_at = found.last_missed

    def _book(self, row: Schedule, run_at: datetime, outcome: str, **more: Any) -> bool:
        """Write the run down. False: it is there."""
        values = {"schedule_id": row.id, "run_at": run_at, "organization_id": row.organization_id, "outcome": outcome}
        statement = insert(ScheduleRun).values(values | more).on_conflict_do_nothing().returning(ScheduleRun.run_at)
        return self._session.execute(statement).first() is not None

    def _forget(self, row: Schedule) -> None:
        runs = select(ScheduleRun.run_at).where(ScheduleRun.schedule_id == row.id).order_by(ScheduleRun.run_at.desc())
        old = self._session.scalar(runs.offset(KEPT_RUNS).limit(1))
        if old is not None:
            key = ScheduleRun.schedule_id == row.id, ScheduleRun.run_at <= old
            self._session.execute(delete(ScheduleRun).where(*key))

    def _pause(self, schedule_id: UUID, reason: str, now: datetime) -> None:
        log.warning("the schedule %s is paused: %s", schedule_id, reason)
        self._write(schedule_id, next_run_at=None, fire_at=None, paused_at=now, pause_reason=reason[:2000])

    def _write(self, schedule_id: UUID, **values: Any) -> None:
        self._session.execute(update(Schedule).where(Schedule.id == schedule_id).values(values))

    def _owners(self, rows: Sequence[Schedule]) -> Owners:
        """As whom each acts, by organisation and user; one that is declared in code as the first administrator."""
        found: Owners = {}
        for organization_id in {row.organization_id for row in rows}:
            users = {row.user_id for row in rows if row.organization_id == organization_id}
            query = actors().where(Membership.organization_id == organization_id)
            known = [one for one in users if one is not None]
            for one in self._session.execute(query.where(Membership.user_id.in_(known))) if known else ():
                found[organization_id, one[0]] = actor_of(one)
            if None in users:
                first = query.where(Membership.role == "admin").order_by(User.created_at).limit(1)
                if admin := self._session.execute(first).first():
                    found[organization_id, None] = actor_of(admin)
        return found


def planned(schedule_id: UUID, timing: Timing, jitter_seconds: int, now: datetime) -> dict[str, datetime | None]:
    """The columns that say when it is due next, and since when it has ended if it is not."""
    next_at = timing.after(now)
    return {**next_run(schedule_id, next_at, jitter_seconds), "ended_at": None if next_at else now}
