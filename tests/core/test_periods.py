"""Stretches of time: which of them are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobsapp.core.periods import DAY, HOUR, Period

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "over"), [(-1, 0), (0, 0), (59, 0), (60, 1), (179, 2), (180, 2), (6000, 2)])
def test_a_period_is_cut_where_a_stretch_is_over(minutes: int, over: int) -> None:
    period = Period(NOON, HOUR, 3)
    older, newer = period.split(NOON + timedelta(minutes=minutes))
    assert (older.stretches if older else 0) == over
    assert [*(older.starts if older else []), *newer.starts] == period.starts
    assert newer.until == period.until


def test_stretches_of_days_are_cut_at_midnight() -> None:
    older, newer = Period(NOON.replace(hour=0), DAY, 2).split(NOON + timedelta(hours=12))
    assert older == Period(NOON.replace(hour=0), DAY, 1)
    assert newer == Period(NOON.replace(day=27, hour=0), DAY, 1)
