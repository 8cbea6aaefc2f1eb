"""What became of the organisation's jobs over time. From counters: a job that was deleted since still counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.core.periods import DAY, HOUR, Period, last_hours
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import InvalidInput
from jobsapp.processors.registry import Registry
from jobsapp.services.base import Moment, View
from jobsapp.services.past import Known, Past, joined, past_of
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.tallies import HOURS_KEPT_DAYS, Failures, Grain, failures, history

MAX_HOURS = HOURS_KEPT_DAYS * 24
FAILURES_SHOWN = 6
SETTLED_AFTER = timedelta(hours=1)
"""Nothing ends that long ago any more: an end is written in the transaction that it is the time of."""


class PointView(View):
    """What ended in one stretch of time. Durations are of completed jobs, in milliseconds, at most 9.1 % off."""

    at: Moment
    """When the stretch begins."""
    completed: int
    failed: int
    """Jobs that failed for good: an attempt that another follows does not count."""
    cancelled: int
    duration_p50_ms: float | None
    duration_p95_ms: float | None


class HistoryView(View):
    since: Moment
    step_seconds: int
    """How long a stretch is: a minute, an hour or a day."""
    points: list[PointView]
    """One for each stretch, also where nothing ended. The last one is not over yet."""


class History:
    def __init__(self, session: DbSession, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._known = Known()

    def view(self, actor: Actor, *, hours: int, type_name: str | None = None) -> HistoryView:
        """The last `hours`, of one type or of all. Raises InvalidInput naming `hours` or `type`."""
        past = self.past(actor, hours=hours, type_name=type_name)
        points = [
            PointView(
                at=at,
                completed=one.completed,
                failed=one.failed,
                cancelled=one.cancelled,
                duration_p50_ms=one.p50,
                duration_p95_ms=one.p95,
            )
            for at, one in past.points.items()
        ]
        return HistoryView(since=past.period.since, step_seconds=past.period.step_seconds, points=points)

    def past(
        self,
        actor: Actor,
        *,
        hours: int,
        step_seconds: int | None = None,
        type_name: str | None = None,
        now: datetime | None = None,
    ) -> Past:
        """The same with more of it, in stretches of `step_seconds` if given, up to `now`."""
        self._check(hours, type_name)
        now = now or datetime.now(UTC)
        period = last_hours(hours, now, step_seconds)
        asked = (actor.organization_id, type_name)
        older, newer = period.split(now - SETTLED_AFTER)
        if older is None or _grain(period.step_seconds) == "minute":
            return self._read(asked, period)
        key = (asked, older)
        known = self._known.get(key) or self._known.keep(key, self._read(asked, older, is_over=True))
        return joined(known, self._read(asked, newer))

    def _read(self, asked: tuple[UUID, str | None], period: Period, *, is_over: bool = False) -> Past:
        organization_id, type_name = asked
        found = history(
            driver(self._session),
            organization_id,
            period=period,
            grain=_grain(period.step_seconds),
            is_over=is_over,
            type_name=type_name,
        )
        return past_of(period, found)

    def failures(
        self, actor: Actor, *, hours: int, step_seconds: int | None = None, type_name: str | None = None
    ) -> list[Failures]:
        """Which errors jobs failed with in the period of `past`, the latest first, a few of them.

        They are counted by the hour, so of a period that begins within one it is the whole hour.
        """
        self._check(hours, type_name)
        begin = last_hours(hours, datetime.now(UTC), step_seconds).since
        since = begin.replace(minute=0)
        connection = driver(self._session)
        return failures(connection, actor.organization_id, since=since, type_name=type_name, limit=FAILURES_SHOWN)

    def _check(self, hours: int, type_name: str | None) -> None:
        refuse_faults(type=type_name)
        if not 1 <= hours <= MAX_HOURS:
            raise InvalidInput.of("hours", f"must be from 1 to {MAX_HOURS}: {HOURS_KEPT_DAYS} days are kept.")
        if type_name is not None and self._registry.find(type_name) is None:
            known = ", ".join(one.name for one in self._registry)
            raise InvalidInput.of("type", f"there is no job type {type_name!r}. Known: {known}.")


def _grain(step_seconds: int) -> Grain:
    if step_seconds % DAY == 0:
        return "day"
    return "hour" if step_seconds % HOUR == 0 else "minute"
