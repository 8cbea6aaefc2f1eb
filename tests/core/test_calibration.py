"""The time left is honest: told for many simulated jobs at many moments, it is seldom wrong by more than a factor of 2.

Right is: the truth is within a factor of 2 of what was told, or within a second of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from jobsapp.core.progress import eta_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOBS, MOMENTS = 200, 20

DURATIONS: dict[str, Callable[[Random], float]] = {
    "always-a-minute": lambda chance: chance.gauss(60, 5),
    "short": lambda chance: chance.gauss(3, 0.3),
    "varied": lambda chance: 60 * math.exp(chance.gauss(0, 0.3)),
    "wide": lambda chance: 60 * math.exp(chance.gauss(0, 1)),
    "memoryless": lambda chance: chance.expovariate(1 / 60),
    "heavy-tail": lambda chance: 10 * chance.paretovariate(1.2),
    "two-kinds": lambda chance: chance.gauss(5, 0.5) if chance.random() < 0.5 else chance.gauss(100, 5),
    "few-long-ones": lambda chance: chance.gauss(5, 0.5) if chance.random() < 0.85 else chance.gauss(200, 10),
}

Progress = Callable[[float], float | None]
"""The share done after a share of the time; None: the job says nothing."""


def silent(time: float) -> float | None:
    return None


def even(time: float) -> float | None:
    return time


def slow_start(time: float) -> float | None:
    """Nearly a third of the time goes before the first item is done."""
    return max(0.0, time - 0.3) / 0.7


def in_tenths(time: float) -> float | None:
    return math.floor(time * 10) / 10


@dataclass
class Told:
    """How often it was right, wrong and silent."""

    right: int = 0
    wrong: int = 0
    silent: int = 0

    @property
    def honesty(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def silence(self) -> float:
        return self.silent / (self.right + self.wrong + self.silent)


def tell(durations: str, progress: Progress, samples: int, *, first: int = 0, last: int = MOMENTS) -> Told:
    """Ask for the time left of many jobs, each with a history of its own, at the moments from `first` to `last`."""
    chance, told = Random(7), Told()
    for _ in range(JOBS):
        history = sorted(max(0.01, DURATIONS[durations](chance)) for _ in range(samples))
        seconds = max(0.01, DURATIONS[durations](chance))
        for time in [(moment + 0.5) / MOMENTS for moment in range(first, last)]:
            _note(told, _asked(seconds * time, progress(time), history), seconds * (1 - time))
    return told


def _asked(used: float, done: float | None, history: list[float]) -> int | None:
    current, total = (None, None) if done is None else (1000 * done, 1000.0)
    return eta_seconds(current, total, base=0, since=NOW - timedelta(seconds=used), now=NOW, history=history)


def _note(told: Told, left: int | None, truth: float) -> None:
    if left is None:
        told.silent += 1
    elif truth / 2 - 1 <= left <= truth * 2 + 1:
        told.right += 1
    else:
        told.wrong += 1


@pytest.mark.parametrize("samples", [8, 30, 256])
@pytest.mark.parametrize(
    ("durations", "honesty", "silence"),
    [("always-a-minute", 0.95, 0.35), ("short", 0.99, 0.2), ("varied", 0.8, 0.8)],
)
def test_a_job_that_says_nothing(durations: str, samples: int, honesty: float, silence: float) -> None:
    told = tell(durations, silent, samples)
    assert told.honesty >= honesty
    assert told.silence <= silence


@pytest.mark.parametrize("samples", [8, 30, 256])
@pytest.mark.parametrize("durations", ["wide", "memoryless", "heavy-tail"])
def test_where_anything_may_be_nothing_is_told(durations: str, samples: int) -> None:
    assert tell(durations, silent, samples).silence >= 0.95


@pytest.mark.parametrize("samples", [8, 30, 256])
def test_two_kinds_of_jobs_are_not_told_apart_before_the_first_are_over(samples: int) -> None:
    # A long one has used 2.5 s after the first fortieth of its time.
    assert tell("two-kinds", silent, samples, last=1).silence >= 0.99
    # Eight of a kind in a row may happen.
    told = tell("two-kinds", silent, samples)
    assert told.wrong <= 0.015 * JOBS * MOMENTS


@pytest.mark.parametrize("samples", [0, 8, 30, 256])
@pytest.mark.parametrize("durations", DURATIONS)
def test_an_even_rate(durations: str, samples: int) -> None:
    assert tell(durations, even, samples).honesty >= 0.97
    assert tell(durations, in_tenths, samples).honesty >= 0.9


@pytest.mark.parametrize("samples", [8, 30, 256])
@pytest.mark.parametrize("durations", ["always-a-minute", "short"])
def test_a_slow_start_is_known_from_the_history(durations: str, samples: int) -> None:
    assert tell(durations, slow_start, samples).honesty >= 0.97
    assert tell(durations, slow_start, samples).silence <= 0.01
    # What the rate alone would tell, while less than half is done.
    assert tell("always-a-minute", slow_start, 0, last=12).honesty <= 0.3


def test_all_together() -> None:
    told = Told()
    for durations in DURATIONS:
        for progress in (silent, even, slow_start, in_tenths):
            one = tell(durations, progress, 30)
            told = Told(told.right + one.right, told.wrong + one.wrong, told.silent + one.silent)
    assert told.honesty >= 0.85
    assert told.silence <= 0.4
