"""Stretches of time that a history is told in, all of UTC and of one length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
ZERO = datetime(2000, 1, 1, tzinfo=UTC)
# Minutes are kept for some hours, and who looks at weeks wants days.
STEPS = ((3, MINUTE), (7 * 24, HOUR))


@dataclass(frozen=True)
class Period:
    """So many stretches of `step_seconds`, the last of which is not over yet."""

    since: datetime
    step_seconds: int
    stretches: int

    @property
    def starts(self) -> list[datetime]:
        step = timedelta(seconds=self.step_seconds)
        return [self.since + n * step for n in range(self.stretches)]

    @property
    def until(self) -> datetime:
        return self.since + timedelta(seconds=self.step_seconds * self.stretches)

    def split(self, at: datetime) -> tuple[Period | None, Period]:
        """The stretches that are over at `at`, if there are any, and the rest, of which there is always one."""
        over = min(int((at - self.since).total_seconds()) // self.step_seconds, self.stretches - 1)
        if over <= 0:
            return None, self
        older = Period(self.since, self.step_seconds, over)
        return older, Period(older.until, self.step_seconds, self.stretches - over)


def usual_step(hours: int) -> int:
    """Seconds of a stretch for so many hours: a minute up to 3 hours, an hour up to a week, otherwise a day."""
    return next((step for most, step in STEPS if hours <= most), DAY)


def last_hours(hours: int, now: datetime, step_seconds: int | None = None) -> Period:
    """The stretches that cover the last `hours`, begun on the clock, up to the one that `now` is in."""
    step = step_seconds or usual_step(hours)
    stretches = -(-hours * 3600 // step)
    running = int((now - ZERO).total_seconds()) // step
    return Period(ZERO + timedelta(seconds=(running - stretches + 1) * step), step, stretches)
