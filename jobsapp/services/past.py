"""What ended in a period, added up, and two periods, one of which follows the other, joined to one."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from jobsapp.core.histogram import percentile
from jobsapp.core.periods import Period
from jobsapp.core.states import Status
from jobsapp.store.tallies import Ends

REMEMBERED = 32
"""Of as many periods as this it is kept what ended in them. One of a week with 20 types of jobs takes 1 MB."""


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


def past_of(period: Period, found: Iterable[Ends]) -> Past:
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


def joined(older: Past, newer: Past) -> Past:
    """Both as one, whose stretches are as long. Points of the older one are shared, everything else is new."""
    period = Period(older.period.since, older.period.step_seconds, older.period.stretches + newer.period.stretches)
    types = {name: _sum(older.types.get(name), newer.types.get(name)) for name in {**older.types, **newer.types}}
    no_older, no_newer = [0] * older.period.stretches, [0] * newer.period.stretches
    throughput = {
        name: older.throughput.get(name, no_older) + newer.throughput.get(name, no_newer)
        for name in {**older.throughput, **newer.throughput}
    }
    return Past(period, _sum(older.whole, newer.whole), older.points | newer.points, types, throughput)


def _sum(*parts: Tally | None) -> Tally:
    whole = Tally()
    for part in parts:
        if part is not None:
            whole.by_status.update(part.by_status)
            whole.durations.update(part.durations)
    return whole


class Known:
    """What ended in periods that are over, for threads that ask again: those that were asked for last.

    Without it the history of a week is added up from some ten thousand numbers at each look, all but a few of which
    are the same as at the last.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._pasts: OrderedDict[Hashable, Past] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Past | None:
        with self._lock:
            if (found := self._pasts.get(key)) is not None:
                self._pasts.move_to_end(key)
            return found

    def keep(self, key: Hashable, past: Past) -> Past:
        with self._lock:
            self._pasts[key] = past
            while len(self._pasts) > self._most:
                self._pasts.popitem(last=False)
        return past
