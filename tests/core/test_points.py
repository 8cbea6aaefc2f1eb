"""Points of a series: few enough, and right after a second attempt."""

from __future__ import annotations

import math

import pytest

from jobsapp.core.points import FINE, KEY_LENGTH, KEYS, Measured, Points, series


def kept(count: int) -> list[float]:
    points = Points()
    return [point.step for step in range(count) if (point := points.add("loss", 1.0, step))]


def test_a_short_series_is_kept_whole() -> None:
    assert kept(FINE) == list(range(FINE))


def test_a_long_series_is_kept_in_part_from_its_beginning_to_its_end() -> None:
    steps = kept(1_000_000)
    assert len(steps) < FINE * math.log2(1_000_000 / FINE)
    assert steps[0] == 0
    assert steps[-1] > 990_000
    assert steps == sorted(steps)


def test_without_a_step_points_are_numbered() -> None:
    points = Points()
    points.add("a", 1, None)
    assert points.add("b", 2, None) == ("b", 0.0, 2.0)
    assert points.add("a", 3, None) == ("a", 1.0, 3.0)


def test_what_is_not_finite_is_left_out() -> None:
    points = Points()
    assert points.add("a", math.nan, None) is None
    assert points.add("a", 1, math.inf) is None
    assert points.add("a", 1, None) == ("a", 2.0, 1.0)


@pytest.mark.parametrize("key", ["", "x" * (KEY_LENGTH + 1), "a\0b", "\ud800"])
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Points().add(key, 1, None)


def test_too_many_keys_are_refused_and_known_ones_go_on() -> None:
    points = Points()
    for number in range(KEYS):
        points.add(f"key {number}", 1, None)
    with pytest.raises(ValueError, match=f"at most {KEYS}"):
        points.add("one more", 1, None)
    assert points.add("key 0", 2, None) == ("key 0", 1.0, 2.0)


def test_an_attempt_that_goes_on_replaces_what_it_measures_again() -> None:
    first = [Measured(1, "loss", step, 10 - step) for step in range(6)]
    second = [Measured(2, "loss", step, 100 - step) for step in range(4, 8)]
    assert series(first + second) == {
        "loss": [(0, 10), (1, 9), (2, 8), (3, 7), (4, 96), (5, 95), (6, 94), (7, 93)],
    }


def test_an_attempt_that_begins_anew_leaves_nothing_of_the_first() -> None:
    points = [Measured(1, "loss", 0, 5), Measured(1, "loss", 1, 4), Measured(2, "loss", 0, 3)]
    assert series(points) == {"loss": [(0, 3)]}
