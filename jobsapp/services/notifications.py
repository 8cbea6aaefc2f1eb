"""What follower and clock make of jobs: notifications, written in the transaction that took the ends out of the outbox.

So nothing is said of what was rolled back, and nothing is lost. `runtime/deliverer.py` makes messages of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, cast, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import defer

from jobsapp.core.ids import new_id
from jobsapp.core.notifications import ENDS, Occasion, Quiet, Rule
from jobsapp.models import Job, Notification, NotificationChannel, NotificationRule, User
from jobsapp.services.messages import facts_of
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import notifications as store
from jobsapp.store.notifications import LongJob
from jobsapp.store.outbox import ENDED, EndedJob

LONG = (Occasion.WAITING_LONG, Occasion.RUNNING_LONG)
LONG_SECONDS = 10
RULES_AT_ONCE = 20
ROWS_AT_ONCE = 1000
NEVER = datetime.min.replace(tzinfo=UTC)
RETURNED_WITHIN = timedelta(days=1)
"""What has come back longer ago was told, and the message may be forgotten since."""
Place = tuple[datetime, UUID | None]


class Notifications:
    """`base_url`: where people find the pages."""

    def __init__(self, session: DbSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url
        # How far each walk of `_come_back` is. Whoever leads next begins anew, and what is found again is noted once.
        self._laps: dict[UUID, Place] = {}

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        """Note what is to be said of these jobs. Call it in the transaction that took them out of the outbox."""
        told = [row for row in ended if row.kind == ENDED and row.status in ENDS]
        rules = self._in_force(told) if told else []
        if not rules:
            return
        schedules = self._schedules(rules, [row.job_id for row in told])
        wanted = []
        for row in told:
            occasion = ENDS[row.status]
            about: Any = {"type": row.type, "owner_id": row.user_id, "schedule_id": schedules.get(row.job_id)}
            wanted += [
                (rule, row.job_id, occasion, row.at)
                for rule in rules
                if rule.organization_id == row.organization_id and rule.wants(occasion, **about)
            ]
        self._note(wanted)

    def tick(self, now: datetime) -> None:
        """Note which jobs have come to wait or run for long: of some rules each time, in turn."""
        rule = NotificationRule
        overdue = select(rule).where(rule.enabled, rule.events.overlap(cast(list(LONG), ARRAY(Text))))
        overdue = overdue.where(rule.looked_at <= now - timedelta(seconds=LONG_SECONDS))
        overdue = overdue.order_by(rule.looked_at).limit(RULES_AT_ONCE).with_for_update(skip_locked=True)
        rows = list(self._session.scalars(overdue))
        if not rows:
            return
        allowed = {one.id for one in self._allowed(select(rule).where(rule.id.in_([row.id for row in rows])))}
        for row in rows:
            if row.id in allowed:
                self._look(row, now)
            row.looked_at = now
        self._session.flush()

    def _look(self, row: NotificationRule, now: datetime) -> None:
        """Find the jobs of a rule that wait or run for long. What is found twice is noted once."""
        if Occasion.WAITING_LONG in row.events:
            until = now - timedelta(seconds=row.waiting_seconds)
            found = [*self._come_of_age(row, until), *self._come_back(row, until)]
            self._note_long(row, Occasion.WAITING_LONG, found, now)
        if Occasion.RUNNING_LONG in row.events:
            until = now - timedelta(seconds=row.running_seconds)
            runs = store.running_long(driver(self._session), row.organization_id, until=until)
            self._note_long(row, Occasion.RUNNING_LONG, runs, now)

    def _come_of_age(self, row: NotificationRule, until: datetime) -> list[LongJob]:
        """Those whose time to run came so long ago since the last look, however many wait."""
        after = row.waiting_at or _first(row)
        found, last = self._waiting(row, (after, row.waiting_id), until)
        row.waiting_at, row.waiting_id = last or (max(until, after), None)
        return found

    def _come_back(self, row: NotificationRule, until: datetime) -> list[LongJob]:
        """Those of long ago that did not wait when they came of age: handed back after an attempt, or let in late.

        A walk along all that wait, a part at each look, from the start again when it is through.
        """
        found, last = self._waiting(row, self._laps.pop(row.id, (NEVER, None)), until)
        if last is not None:
            self._laps[row.id] = last
        earliest = max(_first(row), until - RETURNED_WITHIN)
        return [one for one in found if one.since > earliest]

    def _waiting(self, row: NotificationRule, after: Place, until: datetime) -> tuple[list[LongJob], Place | None]:
        """Those after a place that wait since before `until`, and the place to go on from: None if there is no more."""
        connection = driver(self._session)
        found = store.waiting_long(connection, row.organization_id, after=after[0], after_id=after[1], until=until)
        last = (found[-1].run_at, found[-1].job_id) if len(found) >= store.LONG_AT_ONCE else None
        return [one for one in found if one.since <= until], last

    def _note_long(self, row: NotificationRule, occasion: Occasion, found: Sequence[LongJob], now: datetime) -> None:
        if not found:
            return
        rule, since = value_of(row), {one.job_id: one.since for one in found}
        schedules = self._schedules([rule], list(since))
        jobs = self._jobs(list(since))
        self._note(
            [
                (rule, job.id, occasion, now)
                for job in jobs.values()
                if rule.wants(occasion, type=job.type, owner_id=job.user_id, schedule_id=schedules.get(job.id))
            ],
            jobs,
            since,
        )

    def _note(
        self,
        wanted: Iterable[tuple[Rule, UUID, Occasion, datetime]],
        known: Mapping[UUID, Job] | None = None,
        since: Mapping[UUID, datetime] | None = None,
    ) -> None:
        """`since`: from when on each of them waits or runs, which is told once; None: they ended."""
        wanted = list(wanted)
        jobs = self._jobs([job_id for _, job_id, _, _ in wanted]) if known is None else known
        rows = []
        for rule, job_id, occasion, at in wanted:
            # One that was deleted meanwhile has nothing to be told of any more.
            if (job := jobs.get(job_id)) is None or (rule.without_steps and job.of_workflow):
                continue
            due_at, gathers = rule.due(occasion, at)
            rows.append(
                {
                    "id": new_id(),
                    "organization_id": rule.organization_id,
                    "rule_id": rule.id,
                    "channel_id": rule.channel_id,
                    "job_id": job_id,
                    "occasion": str(occasion),
                    "once": at if since is None else since[job_id],
                    "facts": facts_of(job, occasion, at, self._base_url),
                    "due_at": due_at,
                    "gathers": gathers,
                }
            )
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self._session.execute(
                insert(Notification).values(rows[start : start + ROWS_AT_ONCE]).on_conflict_do_nothing()
            )

    def _in_force(self, ended: Sequence[EndedJob]) -> list[Rule]:
        """The rules that may be about these jobs."""
        rule = NotificationRule
        organizations = sorted({row.organization_id for row in ended})
        owners = sorted({row.user_id for row in ended if row.user_id is not None})
        query = select(rule).where(rule.enabled, rule.organization_id == any_(cast(organizations, ARRAY(Uuid))))
        mine = or_(
            rule.user_id.is_(None), rule.schedule_id.is_not(None), rule.user_id == any_(cast(owners, ARRAY(Uuid)))
        )
        return [value_of(row) for row in self._allowed(query.where(mine))]

    def _allowed(self, query: Any) -> Sequence[NotificationRule]:
        """Of these rules those that may say something: the channel is on, and its user's account is in force."""
        rule, channel = NotificationRule, NotificationChannel
        query = query.join(channel, channel.id == rule.channel_id).outerjoin(User, User.id == rule.user_id)
        rows: Sequence[NotificationRule] = self._session.scalars(
            query.where(channel.disabled_at.is_(None), User.deactivated_at.is_(None))
        ).all()
        return rows

    def _schedules(self, rules: Sequence[Rule], job_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        if all(rule.schedule_id is None for rule in rules):
            return {}
        return store.schedules_of(driver(self._session), job_ids)

    def _jobs(self, job_ids: Sequence[UUID]) -> dict[UUID, Job]:
        if not job_ids:
            return {}
        query = select(Job).where(Job.id == any_(cast(sorted(set(job_ids)), ARRAY(Uuid))))
        # What may be large is not said.
        query = query.options(defer(Job.data), defer(Job.result), defer(Job.checkpoint))
        query = query.execution_options(populate_existing=True)
        return {job.id: job for job in self._session.scalars(query)}


def _first(row: NotificationRule) -> datetime:
    """Who waits since before that was waiting for long when the rule was made."""
    return row.created_at - timedelta(seconds=row.waiting_seconds)


def value_of(row: NotificationRule) -> Rule:
    quiet = None
    if row.quiet_from is not None and row.quiet_until is not None:
        quiet = Quiet(row.quiet_from, row.quiet_until, row.zone)
    return Rule(
        id=row.id,
        organization_id=row.organization_id,
        user_id=row.user_id,
        channel_id=row.channel_id,
        schedule_id=row.schedule_id,
        occasions=frozenset(row.events),
        types=frozenset(row.types),
        digest_minutes=row.digest_minutes,
        quiet=quiet,
        failures_through=row.failures_through,
        without_steps=row.without_steps,
    )
