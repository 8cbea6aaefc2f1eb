"""What follows from an attempt, decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.backoff import delay_seconds
from jobsapp.core.outcomes import Attempt, Died, Failed, Failure, HandedBack, Outcome, Succeeded, WasCancelled, decide
from jobsapp.core.states import TERMINAL, TRANSITIONS, Status, may_become
from jobsapp.processors.sdk import RetryPolicy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OOPS = Failure("ValueError", "oops")
FIRST = Attempt(number=1, max_attempts=3, failures=1, cancel_requested=False, first=2, jitter=0)


def last(**changes: object) -> Attempt:
    return Attempt(**{**FIRST._asdict(), "number": 3, "failures": 3, **changes})


@pytest.mark.parametrize(
    ("attempt", "outcome", "status"),
    [
        (FIRST, Succeeded(1), Status.COMPLETED),
        (FIRST, Failed(OOPS), Status.PENDING),
        (FIRST, Failed(OOPS, permanent=True), Status.FAILED),
        (FIRST, Died(OOPS), Status.PENDING),
        (FIRST, HandedBack(), Status.PENDING),
        (FIRST, WasCancelled(), Status.CANCELLED),
        (last(), Failed(OOPS), Status.FAILED),
        (last(), Died(OOPS), Status.FAILED),
        (last(), HandedBack(), Status.PENDING),
        (last(cancel_requested=True), Succeeded(1), Status.COMPLETED),
        (last(cancel_requested=True), Failed(OOPS), Status.CANCELLED),
        (last(cancel_requested=True), Died(OOPS), Status.CANCELLED),
        (last(cancel_requested=True), HandedBack(), Status.CANCELLED),
    ],
)
def test_decide(attempt: Attempt, outcome: Outcome, status: Status) -> None:
    transition = decide(attempt, outcome, now=NOW, draw=0.5)
    assert transition.status == status
    assert may_become(Status.ACTIVE, transition.status)


def test_times_and_allowance() -> None:
    assert decide(FIRST, Failed(OOPS), now=NOW, draw=0).run_at == NOW + timedelta(seconds=2)
    assert decide(FIRST, Failed(OOPS, retry_after=timedelta(minutes=1)), now=NOW, draw=0).run_at == NOW + timedelta(
        minutes=1
    )
    assert decide(FIRST, Died(OOPS), now=NOW, draw=0).run_at == NOW
    assert decide(FIRST, HandedBack(), now=NOW, draw=0).grants_attempt


@pytest.mark.parametrize(
    ("after", "waits"),
    [
        (timedelta(seconds=-5), timedelta()),
        (timedelta(days=999_999_999), timedelta(days=3653)),
        (timedelta.max, timedelta(days=3653)),
    ],
)
def test_a_pause_that_no_date_can_hold(after: timedelta, waits: timedelta) -> None:
    assert decide(FIRST, Failed(OOPS, retry_after=after), now=NOW, draw=0).run_at == NOW + waits
    endless = Attempt(**{**FIRST._asdict(), "first": float("inf"), "ceiling": float("inf")})
    assert decide(endless, Failed(OOPS), now=NOW, draw=0).run_at == NOW + timedelta(days=3653)


def test_full_jitter_is_the_default() -> None:
    plain = Attempt(number=1, max_attempts=3, failures=1, cancel_requested=False)
    spread = [decide(plain, Failed(OOPS), now=NOW, draw=draw).run_at for draw in (0.0, 0.5, 1.0)]
    assert spread == [NOW + timedelta(seconds=seconds) for seconds in (0, 1, 2)]
    assert RetryPolicy().jitter == 1


def test_terminal_states_are_left_by_asking_only() -> None:
    assert all(TRANSITIONS[status] <= {Status.PENDING} for status in TERMINAL)
    assert not TRANSITIONS[Status.COMPLETED]


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(failures: int, jitter: float, draw: float) -> None:
    delay = delay_seconds(failures, first=2, factor=2, ceiling=600, jitter=jitter, draw=draw)
    full = min(600, 2 * 2 ** (failures - 1))
    assert full * (1 - jitter) - 1e-6 <= delay <= full
