"""What is due of a schedule, what shall come of it, and by how much it is late on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core import schedules
from jobsapp.core.schedules import COUNTED, Missed, Timing, due, jitter

START = datetime(2026, 11, 26, 12, tzinfo=UTC)
TIMINGS = (
    Timing(cron="*/7 * * * *"),
    Timing(every_seconds=90, anchor=START),
    Timing(cron="0 3 * * *", zone="Asia/Tokyo"),
)
KEY = UUID(int=7)


@given(st.sampled_from(TIMINGS), st.integers(0, 40_000), st.sampled_from(list(Missed)), st.integers(1, 5))
def test_what_is_due_as_one_would_count_it(timing: Timing, seconds: int, missed: Missed, limit: int) -> None:
    first = timing.after(START)
    assert first is not None
    now = START + timedelta(seconds=seconds)
    every = list(takewhile(lambda one: one <= now, _all(timing)))
    found = due(timing, KEY, 0, first, now, missed, limit)
    wanted = every[-(limit if missed == Missed.ALL else 1) :]
    if missed == Missed.SKIP and wanted and now - wanted[-1] > schedules.MISSED_AFTER:
        wanted = []
    assert found.runs == wanted
    assert found.next_at == timing.after(every[-1] if every else START)
    left = every[: len(every) - len(wanted)]
    assert found.last_missed == (left[-1] if left else None)
    if len(every) < COUNTED:
        assert (found.missed, found.missed_is_more) == (len(left), False)
    else:
        assert found.missed_is_more
    assert not found.runs or found.runs[-1] < (found.next_at or now)


def _all(timing: Timing):  # type: ignore[no-untyped-def]
    moment = timing.after(START)
    while moment is not None:
        yield moment
        moment = timing.after(moment)


def test_years_of_missed_minutes_are_not_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, next_time = [], schedules.cron.next_time
    monkeypatch.setattr(schedules.cron, "next_time", lambda *said: asked.append(said) or next_time(*said))
    late = START + timedelta(days=3650)
    found = due(Timing(cron="* * * * *"), KEY, 0, START, late, Missed.ALL, 100)
    assert found.runs == [late - timedelta(minutes=99 - step) for step in range(100)]
    assert found.missed_is_more
    assert len(asked) < 1000


@given(st.integers(1, 3600), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_jitter_is_the_same_whoever_asks(seconds: int, moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    late = jitter(KEY, at, seconds)
    assert timedelta() <= late <= timedelta(seconds=seconds)
    assert late == jitter(KEY, at, seconds)


def test_jitter_spreads() -> None:
    late = sorted(jitter(uuid4(), START, 1000).total_seconds() for _ in range(300))
    assert late[30] < 250
    assert late[-30] > 750


@given(st.integers(1, 59), st.integers(0, 7200))
def test_a_run_is_made_when_its_jitter_is_over_and_not_before(seconds: int, later: int) -> None:
    timing, now = Timing(cron="* * * * *"), START + timedelta(seconds=later)
    first = START + timedelta(minutes=1)
    found = due(timing, KEY, seconds, first, now, Missed.ALL, 100)
    ready = [one for one in takewhile(lambda one: one <= now, _all(timing)) if one + jitter(KEY, one, seconds) <= now]
    assert found.runs == ready[-100:]
    assert found.next_at == timing.after(ready[-1]) if ready else first


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "second"), (60, "minute"), (900, "15 minutes"), (86_400, "day"), (90, "1 minute 30 seconds")],
)
def test_a_span_in_words(seconds: int, words: str) -> None:
    assert schedules.span_in_words(seconds) == words
