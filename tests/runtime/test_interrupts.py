"""Interrupting a processor: while its own code runs, at any line of it, and never before or after."""

from __future__ import annotations

import gc
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import pytest

from jobsapp.bus.slate import Slate
from jobsapp.core.outcomes import Failed, HandedBack, Outcome, Succeeded
from jobsapp.processors.registry import Registry
from jobsapp.processors.sdk import Context, Input, InputFile, Processor, TimedOut
from jobsapp.runtime.context import JobContext, LeaseLost
from jobsapp.runtime.executor import execute, timeout_of
from jobsapp.runtime.interrupts import HandBack, Interrupts
from jobsapp.store.jobs import ClaimedJob

JOB = ClaimedJob(UUID(int=1), UUID(int=2), None, "short", "short", {}, None, 1, 3, 3, 1)
SHORT = 0.05


class Short(Processor):
    type = "short"
    title = "Short"
    timeout = SHORT
    work: Callable[[Context], Any]

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        return type(self).work(context)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    with Interrupts(Slate()) as interrupts:
        yield interrupts


def context_for(seconds: float | None, find: Callable[[UUID], InputFile | None] = lambda _: None) -> JobContext:
    deadline = None if seconds is None else time.monotonic() + seconds
    return JobContext(JOB, make_workdir=Path, make_keepdir=Path, find_file=find, threads=1, deadline=deadline)


def run(interrupts: Interrupts, work: Callable[[Context], Any], context: JobContext | None = None) -> Outcome:
    Short.work = staticmethod(work)
    return execute(Registry([Short]), JOB, context or context_for(SHORT), interrupts)


def spin(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "made"


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """No finalizers of what other tests left: Python forgets what is raised in one."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_garbage")
def test_many_alarms_around_the_moment_of_return(interrupts: Interrupts) -> None:
    """Each call gives its result or TimedOut, and after it nothing of ours is ever interrupted."""
    dice, timed_out, steps = random.Random(7), 0, 3000

    def work(context: JobContext, seconds: float) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            context.log("busy")
            context.checkpoint({"a": 1})
        return "made"

    for _ in range(steps):
        seconds = dice.uniform(0.0002, 0.0006)
        context = context_for(seconds)
        try:
            assert interrupts.call(context, work, context, seconds + dice.uniform(-0.0001, 0.0002)) == "made"
            assert interrupts.raised is None
        except TimedOut:
            timed_out += 1
            assert interrupts.raised is TimedOut
        spin(0.0003)
        interrupts.look()
        assert context._lock.acquire(blocking=False), "a lock of the house was left locked"
        assert context.undisturbed == 0
    # Some of each: on a slow machine more are late.
    assert 0 < timed_out < steps, f"{timed_out} of {steps}: the deadlines miss the moment of return"


@pytest.mark.usefixtures("no_garbage")
def test_failures_at_the_same_moment_stay_within_the_call(interrupts: Interrupts) -> None:
    dice, kinds = random.Random(8), set()

    def work(seconds: float) -> None:
        spin(seconds)
        raise ValueError("a failure")

    for _ in range(1500):
        seconds = dice.uniform(0.0002, 0.0006)
        try:
            interrupts.call(context_for(seconds), work, seconds + dice.uniform(-0.0001, 0.0002))
        except (TimedOut, ValueError) as error:
            kinds.add(type(error))
        spin(0.0003)
    assert kinds == {TimedOut, ValueError}


class AlarmAt:
    """Has the deadline pass and the alarm ring before the n-th instruction of `Interrupts.call`."""

    def __init__(self, context: JobContext, instruction: int) -> None:
        self.context, self.left = context, instruction
        self.rang = self.was_made = False

    def __call__(self, frame: FrameType, event: str, _: object) -> AlarmAt | None:
        if frame.f_code is not Interrupts.call.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                self.rang, self.was_made = True, frame.f_locals.get("made") == "made"
                if self.context.deadline is not None:
                    self.context.deadline = 0.0
                signal.raise_signal(signal.SIGALRM)
        return self


@pytest.mark.parametrize("fails", [False, True])
def test_an_alarm_before_any_instruction_of_the_call(interrupts: Interrupts, fails: bool) -> None:
    """More places than Python itself has: it looks for signals at the ends of calls and loops only."""

    def work() -> str:
        if fails:
            raise ValueError("a failure")
        return "made"

    seen, instruction, rang = set(), 0, True
    while rang:
        instruction += 1
        context = context_for(60)
        alarm = AlarmAt(context, instruction)
        result: object = None
        sys.settrace(alarm)
        try:
            result = interrupts.call(context, work)
        except (TimedOut, ValueError) as error:
            result = type(error)
        finally:
            sys.settrace(None)
        seen.add(result)
        rang = alarm.rang
        assert result == "made" or not alarm.was_made, f"a result was lost before instruction {instruction}"
        assert interrupts.raised is (TimedOut if result is TimedOut else None) or fails
        context.deadline = 0.0
        signal.raise_signal(signal.SIGALRM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0, f"a timer is left by instruction {instruction}"
    assert seen == {TimedOut, ValueError if fails else "made"}
    assert instruction > 50


def test_the_attempt_fails_with_the_place_where_it_was(interrupts: Interrupts) -> None:
    outcome = run(interrupts, lambda _: spin(10))
    assert isinstance(outcome, Failed)
    assert (outcome.failure.type, outcome.failure.message) == ("Timeout", "The attempt took longer than 0.05 s.")
    assert "in spin" in (outcome.failure.traceback or "")
    assert not outcome.permanent


def swallow(_: Context) -> str:
    with suppress(BaseException):
        spin(10)
    return "done anyway"


def fail_to_clean_up(_: Context) -> None:
    try:
        spin(10)
    finally:
        raise RuntimeError("the cleanup failed")


@pytest.mark.parametrize("work", [swallow, fail_to_clean_up])
def test_whatever_follows_a_timeout_it_is_one(interrupts: Interrupts, work: Callable[[Context], Any]) -> None:
    outcome = run(interrupts, work)
    assert isinstance(outcome, Failed)
    assert outcome.failure.type == "Timeout"


def test_cleaning_up_is_left_alone(interrupts: Interrupts) -> None:
    cleaned = []

    def work(_: Context) -> None:
        try:
            spin(10)
        finally:
            cleaned.append(spin(0.6))

    run(interrupts, work)
    assert cleaned == ["made"]


def test_a_finalizer_runs_to_its_end(interrupts: Interrupts) -> None:
    """Garbage of anyone's is collected at any line; what is raised there Python prints and forgets."""
    ends = []

    class Garbage:
        def __del__(self) -> None:
            ends.append(spin(3 * SHORT))

    def work(_: Context) -> None:
        Garbage()
        ends.append("after it")
        spin(10)
        ends.append("too late")

    outcome = run(interrupts, work)
    assert isinstance(outcome, Failed)
    assert outcome.failure.type == "Timeout"
    assert ends == ["made", "after it"]


def test_what_was_swallowed_is_raised_again(interrupts: Interrupts) -> None:
    def work(_: Context) -> None:
        for _ in range(2):
            swallow(_)
        spin(60)

    began = time.monotonic()
    assert isinstance(run(interrupts, work), Failed)
    assert time.monotonic() - began < 20


def test_work_of_the_house_is_not_interrupted(interrupts: Interrupts) -> None:
    asked = []

    def find(_: UUID) -> None:
        asked.append(spin(0.2))

    outcome = run(interrupts, lambda context: context.file(UUID(int=3)), context_for(SHORT, find))
    assert asked == ["made"], "the question to the database was cut off"
    assert isinstance(outcome, Failed)


def test_a_result_that_was_made_in_time_stays(interrupts: Interrupts) -> None:
    slow_to_read = {str(number): number for number in range(300_000)}
    context = context_for(SHORT)

    def work(_: Context) -> dict[str, int]:
        return slow_to_read

    assert isinstance(run(interrupts, work, context), Succeeded)
    assert context.deadline is None


@pytest.mark.parametrize("stops", [True, False])
def test_a_lost_lease_and_a_stop_interrupt_too(interrupts: Interrupts, stops: bool) -> None:
    context = context_for(None)

    def work(_: Context) -> None:
        if stops:
            interrupts.stop_at(time.monotonic())
        else:
            context.lost = True
            interrupts.look()
        spin(10)

    if stops:
        assert isinstance(run(interrupts, work, context), HandedBack)
        assert interrupts.raised is HandBack
    else:
        with pytest.raises(LeaseLost):
            run(interrupts, work, context)


def test_the_timeout_of_the_job_comes_before_that_of_its_type() -> None:
    job_type = Registry([Short]).find("short")
    assert timeout_of(JOB, job_type) == SHORT
    assert timeout_of(JOB._replace(timeout_seconds=7.0), job_type) == 7.0
    assert timeout_of(JOB._replace(timeout_seconds=7.0), None) == 7.0


@pytest.mark.parametrize(("name", "value"), [("timeout", 0), ("timeout", -1.0), ("cancel_grace", -0.1)])
def test_limits_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        type("Wrong", (Short,), {name: value})
