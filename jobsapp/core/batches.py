"""What can be said of a batch from its numbers: how far it is, when it ends, and which of its callbacks are due."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

COMPLETE, SUCCESS, FAILURE = "complete", "success", "failure"
CALLBACKS = (COMPLETE, SUCCESS, FAILURE)
BatchStatus = Literal["running", "completed", "failed", "cancelled"]

LEAST_SECONDS = 3.0
LEAST_ENDS = 3
SILENT_SECONDS = 60.0
LEAST_WIDTH = 1.0
"""Per cent of a bar."""


@dataclass(frozen=True)
class Tally:
    """How many jobs a batch has, how many ended how, and how many run."""

    total: int
    completed: int
    failed: int
    cancelled: int
    active: int = 0

    @property
    def ended(self) -> int:
        return self.completed + self.failed + self.cancelled

    @property
    def pending(self) -> int:
        return max(0, self.total - self.ended - self.active)


def status_of(tally: Tally, *, closed: bool) -> BatchStatus:
    """`running` until it is closed and all jobs have ended; then `failed` if one failed, `cancelled` if one was."""
    if not closed or tally.ended < tally.total:
        return "running"
    return "failed" if tally.failed else "cancelled" if tally.cancelled else "completed"


def percentage(done: float, total: float, *, finished: bool) -> float:
    """0 to 100 with one decimal, of the weight; 100 when all jobs have ended and not before."""
    if finished:
        return 100.0
    return round(min(max(done / total, 0.0), 0.999) * 100, 1) if total > 0 else 0.0


def shares(percentage: float, weights: Sequence[float]) -> list[float]:
    """What of the percentage each of the weights makes, with three decimals. What weighs nothing is the first's."""
    # What was added and taken away again may leave a speck below nothing.
    weights = [max(0.0, one) for one in weights]
    done = sum(weights)
    if done <= 0:
        return [percentage, *(0.0 for _ in weights[1:])]
    return [round(percentage * one / done, 3) for one in weights]


def drawn(shares: Sequence[float]) -> list[tuple[float, float]]:
    """Where each share begins in a bar of 100, and how wide it is: so that one job of thousands is still to be seen.

    What that takes comes off the widest.
    """
    widths = [max(one, LEAST_WIDTH) if one > 0 else 0.0 for one in shares]
    if widths:
        widest = widths.index(max(widths))
        widths[widest] = max(0.0, widths[widest] - (sum(widths) - sum(shares)))
    return [(round(sum(widths[:place]), 3), round(width, 3)) for place, width in enumerate(widths)]


@dataclass(frozen=True)
class Pace:
    """What is known of how fast weight ends: `gained` of it since the moment `since`, the last of it at `last`."""

    gained: float
    since: datetime | None
    last: datetime | None
    usual: float
    """The weight of a job on the average."""


def eta_seconds(left: float, pace: Pace, *, now: datetime, active: int) -> int | None:
    """Seconds left at the pace of the last minute or two. None when nothing honest can be said: too few jobs ended
    since, or nobody works on it and none has ended for a minute."""
    if pace.since is None or left <= 0:
        return None
    seconds = (now - pace.since).total_seconds()
    if seconds < LEAST_SECONDS or pace.gained < LEAST_ENDS * pace.usual:
        return None
    silent = pace.last is None or (now - pace.last).total_seconds() > SILENT_SECONDS
    return None if silent and not active else round(left * seconds / pace.gained)


def due_callbacks(tally: Tally, *, ended: bool, made: Collection[str]) -> list[str]:
    """The callbacks whose time has come, of those that were not made yet: `failure` with the first job that failed,
    `complete` when all have ended, however, `success` when all have completed."""
    due = {
        COMPLETE: ended,
        SUCCESS: ended and tally.completed == tally.total,
        FAILURE: tally.failed > 0,
    }
    return [when for when in CALLBACKS if due[when] and when not in made]
