"""What became of the organisation's jobs over time. From counters: a job that was deleted since still counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jobsapp.core.actors import Actor
from jobsapp.core.histogram import percentile
from jobsapp.core.periods import DAY, HOUR, Period, last_hours
from jobsapp.core.states import Status
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import InvalidInput
from jobsapp.processors.registry import Registry
from jobsapp.services.base import Moment, View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.tallies import HOURS_KEPT_DAYS, Ends, Failures, Grain, failures, history

MAX_HOURS = HOURS_KEPT_DAYS * 24
FAILURES_SHOWN = 6


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


@dataclass
class Tally:
    """What ended, added up."""

    by_status: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)

    @property
    def completed(self) -> int:
        return self.by_status[Status.COMPLETED]

    @property
    def failed(self) -> int:
        return self.by_status[Status.FAILED]

    @property
    def cancelled(self) -> int:
        return self.by_status[Status.CANCELLED]

    @property
    def total(self) -> int:
        return self.by_status.total()

    @property
    def failure_rate(self) -> float | None:
        """Of those that completed or failed; None: none did."""
        ended = self.completed + self.failed
        return self.failed / ended if ended else None

    @property
    def p50(self) -> float | None:
        """Milliseconds."""
        return percentile(self.durations, 0.5)

    @property
    def p95(self) -> float | None:
        return percentile(self.durations, 0.95)


@dataclass(frozen=True)
class Past:
    """All that ended in a period: altogether, by stretch of time, by type, and of each type by stretch."""

    period: Period
    whole: Tally
    points: dict[datetime, Tally]
    types: dict[str, Tally]
    throughput: dict[str, list[int]]


class History:
    def __init__(self, session: DbSession, registry: Registry) -> None:
        self._session = session
        self._registry = registry

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

    def past(self, actor: Actor, *, hours: int, step_seconds: int | None = None, type_name: str | None = None) -> Past:
        """The same with more of it, in stretches of `step_seconds` if given."""
        self._check(hours, type_name)
        period = last_hours(hours, datetime.now(UTC), step_seconds)
        found = history(
            driver(self._session),
            actor.organization_id,
            since=period.since,
            step_seconds=period.step_seconds,
            grain=_grain(period.step_seconds),
            type_name=type_name,
        )
        return _past(period, found)

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


def _past(period: Period, found: Iterable[Ends]) -> Past:
    past = Past(period, Tally(), {at: Tally() for at in period.starts}, {}, {})
    points, last = list(past.points.values()), period.stretches - 1
    for one in found:
        if one.status is not None and one.type is not None:
            line = past.throughput.setdefault(one.type, [0] * period.stretches)
            for stretch, jobs in one.jobs.items():
                # A clock that jumped may have put an end into a stretch that has not begun.
                place = min(int(stretch), last)
                line[place] += jobs
                points[place].by_status[one.status] += jobs
            past.whole.by_status[one.status] += (total := sum(one.jobs.values()))
            past.types.setdefault(one.type, Tally()).by_status[one.status] += total
        elif one.type is not None:
            for tally in (past.types.setdefault(one.type, Tally()), past.whole):
                tally.durations.update(_durations(one))
        elif one.stretch is not None:
            points[min(one.stretch, last)].durations.update(_durations(one))
    return past


def _durations(ends: Ends) -> dict[int, int]:
    return {int(duration): jobs for duration, jobs in ends.jobs.items()}
