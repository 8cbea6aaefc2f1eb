"""Ids, progress, names: the small pure parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.ids import new_id
from jobsapp.core.names import display_name
from jobsapp.core.progress import eta_seconds, percentage
from jobsapp.core.states import Status
from jobsapp.models.jobs import STATUSES

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_ids_sort_by_creation_and_are_version_7() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert abs((ids[0].int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 60


@given(st.floats(allow_nan=False) | st.none(), st.floats(allow_nan=False) | st.none())
def test_percentage_never_lies(current: float | None, total: float | None) -> None:
    value = percentage(current, total)
    assert value is None or 0 <= value <= 100


def test_percentage_with_nothing_to_do() -> None:
    assert percentage(0, 0) is None
    assert percentage(1, 3) == 33.3
    assert percentage(7, 5) == 100
    assert percentage(inf, inf) is None


def left(current: float | None, total: float | None, seconds: float = 10, base: float | None = 0) -> int | None:
    return eta_seconds(current, total, base=base, since=NOW - timedelta(seconds=seconds), now=NOW)


def test_eta_is_silent_until_it_knows() -> None:
    assert left(10, 100) == 90
    assert left(10, None) is None
    assert left(0, 100) is None
    assert left(0.5, 100) is None
    assert left(10, 100, seconds=0.5) is None
    assert eta_seconds(10, 100, base=None, since=None, now=NOW) is None


def test_eta_counts_from_the_base() -> None:
    assert left(60, 100, base=50) == 40
    assert left(50, 100, base=50) is None
    assert left(40, 100, base=50) is None
    assert left(99.9, 100, base=99) == 1
    assert left(100, 100, base=99) == 0
    assert left(101, 100, base=99) is None
    assert left(1.5e308, 1.7e308, base=0) == 1


def past(history: list[float], used: float) -> int | None:
    """Without any progress."""
    return eta_seconds(None, None, base=0, since=NOW - timedelta(seconds=used), now=NOW, history=sorted(history))


def test_eta_from_the_history_is_the_median_of_what_is_left() -> None:
    history = [98.0, 99, 100, 101, 102] * 4
    assert past(history, 0) == 100
    assert past(history, 40) == 60
    assert past(history, 97) is None, "so near the end it would be right by chance only"
    assert past(history, 102) is None, "it has outlasted them all"
    assert past(history[:7], 0) is None, "too few"
    assert past([5.0, 100.0] * 20, 0) is None, "two kinds of jobs"
    assert past([5.0, 100.0] * 20, 10) == 90, "it is clearly one of the long ones"
    assert past([2.0**n for n in range(20)], 0) is None, "anything may be"


def test_eta_from_the_history_needs_an_attempt_that_began_with_nothing() -> None:
    history = [100.0] * 20
    resumed = {"since": NOW - timedelta(seconds=10), "now": NOW, "history": history}
    assert eta_seconds(50, 100, base=50, **resumed) is None
    assert eta_seconds(60, 100, base=50, **resumed) == 40
    assert eta_seconds(None, None, base=None, **resumed) is None


def test_eta_weighs_history_and_rate_by_what_is_done() -> None:
    history = [100.0] * 20
    # After 10 s the history says 90 more; the rate says 490, 30 and 0.
    for current, expected in ((2, 98), (25, 75), (100, 0)):
        since = NOW - timedelta(seconds=10)
        assert eta_seconds(current, 100, base=0, since=since, now=NOW, history=history) == expected


NUMBERS = st.floats(allow_nan=False, min_value=0) | st.none()


@given(NUMBERS, NUMBERS, NUMBERS, st.lists(st.floats(0, 1e9, width=32), max_size=40))
def test_eta_is_never_negative_and_never_fails(
    current: float | None, total: float | None, base: float | None, history: list[float]
) -> None:
    since = NOW - timedelta(seconds=10)
    value = eta_seconds(current, total, base=base, since=since, now=NOW, history=sorted(history))
    assert value is None or value >= 0


@given(st.text())
def test_display_names_are_never_paths(name: str) -> None:
    clean = display_name(name)
    assert clean
    assert "/" not in clean
    assert "\\" not in clean
    assert clean.isprintable()
    assert len(clean) <= 255


def test_the_database_knows_the_same_states() -> None:
    assert ", ".join(f"'{status}'" for status in Status) == STATUSES
    first = next(Path("migrations/versions").glob("0001*")).read_text()
    assert f"status IN ({STATUSES})" in first
