"""Progress as people see it: a share that never lies."""

from __future__ import annotations

from datetime import datetime
from math import inf


def percentage(current: float | None, total: float | None) -> float | None:
    """0 to 100 with one decimal, or None when it is not known. Never over 100, never a division by zero."""
    if current is None or total is None or not 0 < total < inf:
        return None
    return round(min(max(current / total, 0.0), 1.0) * 100, 1)


def eta_seconds(
    current: float | None, total: float | None, *, base: float | None, since: datetime | None, now: datetime
) -> int | None:
    """Seconds left if the work goes on at its average rate since the time `since`, when `base` of it was done; or None.

    Silent during the first second and the first hundredth of what was left then: the average says nothing yet.
    """
    if base is None or since is None or current is None or total is None or not base < current <= total < inf:
        return None
    used = (now - since).total_seconds()
    done = current - base
    if used < 1 or done / (total - base) < 0.01:
        return None
    return round(used * ((total - current) / done))
