"""What people are told of, by which rules, and when: values and decisions. Time and chance are arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from jobsapp.core.states import Status


class Occasion(StrEnum):
    """What a rule may be about."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WAITING_LONG = "waiting-long"
    RUNNING_LONG = "running-long"


class Kind(StrEnum):
    """How a channel reaches people."""

    EMAIL = "email"
    APPRISE = "apprise"
    WEBHOOK = "webhook"
    BROWSER = "browser"


ENDS: dict[str, Occasion] = {
    Status.COMPLETED: Occasion.COMPLETED,
    Status.FAILED: Occasion.FAILED,
    Status.CANCELLED: Occasion.CANCELLED,
}
RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Pauses after the first failed try, the second, …: about 28 hours in all. The steps are those that Standard Webhooks
gives as an example, without its last ones."""
MAX_TRIES = len(RETRY_SECONDS) + 1
JITTER = 0.1
"""A pause is up to this share longer, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
DISABLED_AFTER = timedelta(days=5)
DISABLED_AFTER_FAILURES = 8
"""A channel is switched off when all tries have failed for so long, and at least so many."""
CALM_AFTER_FAILURES = 3
LONGEST_CALM_SECONDS = 300
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Quiet:
    """Hours of each day in which nothing is sent. `start` after `end`: over midnight."""

    start: time
    end: time
    zone: str

    def until(self, now: datetime) -> datetime | None:
        """When the quiet that `now` is in ends, in UTC. None: it is not quiet.

        On a day on which the clocks change it ends when they show `end`; where they never do, an hour later.
        """
        zone = ZoneInfo(self.zone)
        local = now.astimezone(zone)
        clock = local.time()
        over_midnight = self.start > self.end
        quiet = clock >= self.start or clock < self.end if over_midnight else self.start <= clock < self.end
        if not quiet:
            return None
        day = local.date() + timedelta(days=1 if over_midnight and clock >= self.start else 0)
        return datetime.combine(day, self.end, zone).astimezone(UTC)


@dataclass(frozen=True)
class Rule:
    """Who wants to be told of what, by which channel. `user_id` None: the organisation; `types` empty: all."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    channel_id: UUID
    schedule_id: UUID | None
    occasions: frozenset[str]
    types: frozenset[str]
    digest_minutes: int = 0
    quiet: Quiet | None = None
    failures_through: bool = False
    without_steps: bool = True
    """Steps of workflows are not told, the run itself is."""

    def wants(self, occasion: str, *, type: str, owner_id: UUID | None, schedule_id: UUID | None) -> bool:
        """Whether it is about such a job. One of a schedule is about all its jobs; of a user, about their own."""
        if occasion not in self.occasions or (self.types and type not in self.types):
            return False
        if self.schedule_id is not None:
            return schedule_id == self.schedule_id
        return self.user_id is None or owner_id == self.user_id

    def due(self, occasion: str, now: datetime) -> tuple[datetime, bool]:
        """When to tell of it, and whether it waits for others: those of one rule go out as one message then."""
        at, gathers = now, False
        if self.digest_minutes:
            at, gathers = _full(now, self.digest_minutes), True
        if self.quiet is None or (occasion == Occasion.FAILED and self.failures_through):
            return at, gathers
        until = self.quiet.until(at)
        return (at, gathers) if until is None else (until, True)


def next_pause(tries: int, *, draw: float, retry_after: float | None = None) -> timedelta | None:
    """How long to wait after the n-th try (from 1) failed. None: it was the last one.

    `draw`: 0 to 1, from the caller. `retry_after`: for how many seconds the receiver asks to be left alone.
    """
    if tries > len(RETRY_SECONDS):
        return None
    pause = timedelta(seconds=RETRY_SECONDS[tries - 1] * (1 + JITTER * draw))
    asked = timedelta(seconds=retry_after or 0)
    return max(pause, min(asked, LONGEST_RETRY_AFTER))


def calm(failures: int, *, retry_after: float | None = None) -> timedelta:
    """How long a channel whose last `failures` tries failed is left alone, whatever else waits for it."""
    asked = min(timedelta(seconds=retry_after or 0), LONGEST_RETRY_AFTER)
    over = failures - CALM_AFTER_FAILURES
    own = timedelta(seconds=min(LONGEST_CALM_SECONDS, 10 * 2 ** min(over, 10))) if over >= 0 else timedelta()
    return max(own, asked)


def has_had_its_time(failures: int, failing_since: datetime, now: datetime) -> bool:
    """Whether a channel that fails is to be switched off."""
    return failures >= DISABLED_AFTER_FAILURES and now - failing_since >= DISABLED_AFTER


def counted(facts: list[Mapping[str, Any]]) -> dict[str, int]:
    """How many of each occasion, the most urgent first."""
    order = (Occasion.FAILED, Occasion.CANCELLED, Occasion.RUNNING_LONG, Occasion.WAITING_LONG, Occasion.COMPLETED)
    found = [one["occasion"] for one in facts]
    return {occasion.value: number for occasion in order if (number := found.count(occasion))}


def _full(now: datetime, minutes: int) -> datetime:
    """The next moment whose minutes since 1970 are a multiple: so windows need no memory."""
    step = minutes * 60
    return datetime.fromtimestamp((int(now.timestamp()) // step + 1) * step, UTC)
