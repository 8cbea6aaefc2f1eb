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


NUMBERS = st.floats(allow_nan=False, min_value=0) | st.none()


@given(NUMBERS, NUMBERS, NUMBERS)
def test_eta_is_never_negative_and_never_fails(current: float | None, total: float | None, base: float | None) -> None:
    value = left(current, total, base=base)
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
