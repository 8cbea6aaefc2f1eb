"""What is said of a batch: how far it is, and when it ends, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobsapp.core.batches import Pace, Tally, drawn, eta_seconds, percentage, shares, status_of

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


@pytest.mark.parametrize(
    ("percentage", "weights", "expected"),
    [
        (100.0, [55.0, 5.0, 0.0, 0.0], [91.667, 8.333, 0.0, 0.0]),
        (50.0, [1.0, 1.0, 2.0, 1.0], [10.0, 10.0, 20.0, 10.0]),
        (0.0, [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
        # An empty batch has completed; what is left of sums is nothing.
        (100.0, [0.0, 0.0, 0.0, 0.0], [100.0, 0.0, 0.0, 0.0]),
        (25.0, [1.0, -1e-15, 0.0, 0.0], [25.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_percentage_is_shared_by_weight(percentage: float, weights: list[float], expected: list[float]) -> None:
    assert shares(percentage, weights) == expected


def test_what_is_drawn_lies_side_by_side_and_a_speck_is_to_be_seen() -> None:
    assert drawn([60.0, 10.0, 20.0, 5.0]) == [(0, 60.0), (60.0, 10.0), (70.0, 20.0), (90.0, 5.0)]
    assert drawn([99.99, 0.01, 0.0, 0.0]) == [(0, 99.0), (99.0, 1.0), (100.0, 0.0), (100.0, 0.0)]
    assert drawn([0.0, 0.0, 0.0, 0.0]) == [(0, 0.0)] * 4
