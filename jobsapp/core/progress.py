"""Progress as people see it: a share that never lies."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from math import inf

RIGHT_FOR = 0.8
"""An estimate from the history is given if it would have been right for this share of the jobs it comes from."""
UNSEEN_MISSES = 2
"""Reckoned beside the misses that were seen: few jobs look more alike than they are. So it takes 8 of them at least."""
FACTOR = 2.0
SLACK_SECONDS = 1.0
"""Right is: the truth is within this factor of the estimate, or within this many seconds."""


def percentage(current: float | None, total: float | None) -> float | None:
    """0 to 100 with one decimal, or None when it is not known. Never over 100, never a division by zero."""
    if current is None or total is None or not 0 < total < inf:
        return None
    return round(min(max(current / total, 0.0), 1.0) * 100, 1)


def eta_seconds(
    current: float | None,
    total: float | None,
    *,
    base: float | None,
    since: datetime | None,
    now: datetime,
    history: Sequence[float] = (),
) -> int | None:
    """Seconds left, or None when nothing honest can be said.

    An attempt has worked since the time `since`, when `base` of its work was done. `history`: how many seconds jobs of
    its type took from beginning to end, in rising order. It counts only for an attempt that began with nothing done.
    Its own rate and the history are weighed by the share of the work done: at first the history, later the rate.
    """
    if base is None or since is None:
        return None
    used = (now - since).total_seconds()
    own = _by_rate(current, total, base, used)
    past = _by_history(history, used) if base == 0 else None
    if own is None or past is None:
        found = past if own is None else own
    else:
        share = percentage(current, total) or 0.0
        found = (own * share + past * (100 - share)) / 100
    return None if found is None else round(found)


def rate(current: float | None, *, base: float | None, since: datetime | None, now: datetime) -> float | None:
    """Items (or bytes) a second that this attempt has done on the average; None when nothing honest can be said.

    Silent during the first second, when a burst would be taken for the pace.
    """
    if current is None or base is None or since is None or not base < current < inf:
        return None
    used = (now - since).total_seconds()
    return (current - base) / used if used >= 1 else None


def _by_rate(current: float | None, total: float | None, base: float, used: float) -> float | None:
    """Seconds left if the work goes on at its average rate.

    Silent during the first second and the first hundredth of what was left at `base`: the average says nothing yet.
    """
    if current is None or total is None or not base < current <= total < inf:
        return None
    done = current - base
    if used < 1 or done / (total - base) < 0.01:
        return None
    return used * ((total - current) / done)


def _by_history(history: Sequence[float], used: float) -> float | None:
    """The median of what was left for those that took longer than `used`, if it would have been right for most.

    Two kinds of jobs in one type, or a long tail, and it is not.
    """
    first = bisect_right(history, used)
    longer = len(history) - first
    if not longer:
        return None
    median = history[first + longer // 2] - used
    least = used + min(median / FACTOR, median - SLACK_SECONDS)
    most = used + max(median * FACTOR, median + SLACK_SECONDS)
    right = bisect_right(history, most) - bisect_left(history, least, first)
    return median if right >= RIGHT_FOR * (longer + UNSEEN_MISSES) else None
