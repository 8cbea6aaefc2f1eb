"""When a schedule is due, and what shall come of the runs that are due: plain values, time is an argument.

A run is named by the time it is due, whatever jitter adds: so each is made once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from uuid import UUID

from jobsapp.core import cron

MISSED_AFTER = timedelta(seconds=60)
"""A run that is later than this was missed."""
MOST_CAUGHT_UP = 100
COUNTED = 200
"""Missed runs are counted up to here."""
SHOWN_NEXT = 5
LONGEST_EVERY = 366 * 86_400
LONGEST_JITTER = 86_400
_FIRST_LOOK = timedelta(minutes=2)


class Missed(StrEnum):
    """What happens when nobody was there to make runs that were due."""

    SKIP = "skip"
    ONCE = "once"
    """The last of them is made, for all."""
    ALL = "all"
    """All are made, up to a bound: the last ones."""


class Overlap(StrEnum):
    """What happens when a run is due and the job of the last one has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    """The new job waits for the end of the old one."""
    CANCEL = "cancel"
    """The old one is cancelled; the new job waits until it has stopped."""
    ALLOW = "allow"
    """They run side by side."""


@dataclass(frozen=True)
class Timing:
    """Either a cron expression on the clock of a zone, or every so many seconds from an anchor on."""

    cron: str | None = None
    zone: str = "UTC"
    every_seconds: int | None = None
    anchor: datetime | None = None
    ends_at: datetime | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first run after that moment, in UTC; None: there is none any more. Raises CronError."""
        found = self._interval(moment) if self.cron is None else cron.next_time(self.cron, self.zone, moment)
        return None if found is None or (self.ends_at is not None and found > self.ends_at) else found

    def next_runs(self, moment: datetime, count: int = SHOWN_NEXT) -> list[datetime]:
        """The first runs after that moment."""
        return list(islice(self._from(moment), count))

    def last_due(self, first: datetime, until: datetime, count: int) -> tuple[list[datetime], int]:
        """Of the runs from `first` to `until`, both included, the last `count`, in order, and how many there are,
        counted up to COUNTED. `first` is one of them. However many there are, few are looked at.
        """
        ahead = list(islice(_up_to(self._from(first), until), COUNTED))
        if len(ahead) < COUNTED:
            found = [first, *ahead]
            return found[-count:], min(len(found), COUNTED)
        span, latest = _FIRST_LOOK, list[datetime]()
        while len(latest) < count:
            latest = list(_up_to(self._from(max(first, until - span)), until))
            span *= 2
        return latest[-count:], COUNTED

    def in_words(self) -> str:
        """As people would say it: `At 09:00 on Monday through Friday, Europe/Berlin time`. Raises CronError."""
        if self.cron is not None:
            cron.zone_of(self.zone)
            return f"{cron.in_words(self.cron)}, {self.zone}{'' if self.zone == 'UTC' else ' time'}"
        return f"Every {span_in_words(self.every_seconds or 0)}"

    def _from(self, moment: datetime) -> Iterator[datetime]:
        found = self.after(moment)
        while found is not None:
            yield found
            found = self.after(found)

    def _interval(self, moment: datetime) -> datetime:
        every = timedelta(seconds=self.every_seconds or 1)
        anchor = (self.anchor or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC)
        return anchor if moment < anchor else anchor + ((moment - anchor) // every + 1) * every


@dataclass(frozen=True)
class Due:
    """What shall come of the runs that are due. `missed`: how many came before `runs` and are not made, counted up to
    COUNTED; `last_missed`: the last of these. `next_at`: the run after all of them."""

    runs: list[datetime]
    missed: int
    last_missed: datetime | None
    next_at: datetime | None
    missed_is_more: bool = False
    """More were missed than were counted."""


def due(
    timing: Timing, schedule_id: UUID, jitter_seconds: int, first: datetime, now: datetime, missed: str, limit: int
) -> Due:
    """Of a schedule whose next run is `first`: which runs are made now. `limit`: the bound of Missed.ALL."""

    def late(run_at: datetime) -> timedelta:
        return now - run_at - jitter(schedule_id, run_at, jitter_seconds)

    wanted = limit if missed == Missed.ALL else 1
    found, count = timing.last_due(first, now, wanted + 2)
    is_more = count == COUNTED
    # The last of them may still wait for its jitter.
    while found and late(found[-1]) < timedelta():
        found.pop()
        count -= 1
    if not found:
        found, count = ([first], 1) if late(first) >= timedelta() else ([], 0)
    if not found:
        return Due([], 0, None, first)
    next_at, runs = timing.after(found[-1]), found[-wanted:]
    if missed == Missed.SKIP and late(runs[-1]) > MISSED_AFTER:
        return Due([], count, runs[-1], next_at, is_more)
    left = count - len(runs)
    return Due(runs, left, found[-len(runs) - 1] if left else None, next_at, is_more)


def jitter(schedule_id: UUID, run_at: datetime, seconds: int) -> timedelta:
    """By how much a run is late on purpose, 0 to `seconds`: the same for a run whoever asks, another for each."""
    if not seconds:
        return timedelta()
    said = schedule_id.bytes + int(run_at.timestamp() * 1000).to_bytes(8, "big", signed=True)
    drawn = int.from_bytes(hashlib.sha256(said).digest()[:8], "big")
    return timedelta(milliseconds=drawn % (seconds * 1000 + 1))


def span_in_words(seconds: int) -> str:
    """`90` → `1 minute 30 seconds`; `86400` → `day`."""
    left, parts = seconds, []
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {name}{'' if count == 1 else 's'}")
    return parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts)


def _up_to(moments: Iterator[datetime], until: datetime) -> Iterator[datetime]:
    for one in moments:
        if one > until:
            return
        yield one
