"""Progress as people see it: a share that never lies."""

from __future__ import annotations

from datetime import datetime


def percentage(current: float | None, total: float | None) -> float | None:
    """0 to 100 with one decimal, or None when it is not known. Never over 100, never a division by zero."""
    if current is None or total is None or total <= 0:
        return None
    return round(min(max(current / total, 0.0), 1.0) * 100, 1)


def eta_seconds(current: float | None, total: float | None, started_at: datetime | None, now: datetime) -> int | None:
    """Seconds left if the work goes on at its average rate so far, or None.

    Silent during the first second and the first hundredth of the work, where the average says nothing yet.
    """
    if started_at is None or not current or total is None or total <= 0 or current > total:
        return None
    used = (now - started_at).total_seconds()
    if used < 1 or current / total < 0.01:
        return None
    return round(used * (total - current) / current)
