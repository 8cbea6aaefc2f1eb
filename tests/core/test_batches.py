"""What is said of a batch: how far it is, and when it ends, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobsapp.core.batches import Pace, Tally, eta_seconds, percentage, status_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("left", "pace", "active", "expected"),
    [
        (60.0, Pace(20.0, ago(60), ago(1), 1.0), 2, 180),
        (60.0, Pace(20.0, ago(120), ago(1), 1.0), 2, 360),
        # Nothing has ended for a while, but somebody works on it: it grows with the time that passes.
        (60.0, Pace(20.0, ago(180), ago(120), 1.0), 1, 540),
        (60.0, Pace(20.0, ago(180), ago(120), 1.0), 0, None),
        (60.0, Pace(20.0, ago(60), None, 1.0), 0, None),
        # Too little is known: the first seconds, and two jobs' worth.
        (60.0, Pace(20.0, ago(2), ago(1), 1.0), 2, None),
        (60.0, Pace(2.0, ago(60), ago(1), 1.0), 2, None),
        (60.0, Pace(20.0, ago(60), ago(1), 10.0), 2, None),
        (60.0, Pace(20.0, None, None, 1.0), 2, None),
        (0.0, Pace(20.0, ago(60), ago(1), 1.0), 2, None),
    ],
)
def test_the_time_left_goes_by_the_pace_or_is_not_said(
    left: float, pace: Pace, active: int, expected: int | None
) -> None:
    assert eta_seconds(left, pace, now=NOW, active=active) == expected


@pytest.mark.parametrize(
    ("done", "total", "finished", "expected"),
    [
        (0.0, 0.0, False, 0.0), (0.0, 0.0, True, 100.0), (1.0, 3.0, False, 33.3),
        (3.0, 3.0, False, 99.9), (4.0, 3.0, False, 99.9), (-1.0, 3.0, False, 0.0), (2.0, 3.0, True, 100.0),
    ],
)  # fmt: skip
def test_only_the_end_is_a_hundred(done: float, total: float, finished: bool, expected: float) -> None:
    assert percentage(done, total, finished=finished) == expected


@pytest.mark.parametrize(
    ("tally", "closed", "expected"),
    [
        (Tally(0, 0, 0, 0), True, "completed"), (Tally(0, 0, 0, 0), False, "running"),
        (Tally(2, 1, 0, 0), True, "running"), (Tally(2, 2, 0, 0), False, "running"),
        (Tally(2, 1, 1, 0), True, "failed"), (Tally(3, 1, 1, 1), True, "failed"),
        (Tally(2, 1, 0, 1), True, "cancelled"),
    ],
)  # fmt: skip
def test_the_worst_end_counts(tally: Tally, closed: bool, expected: str) -> None:
    assert status_of(tally, closed=closed) == expected
