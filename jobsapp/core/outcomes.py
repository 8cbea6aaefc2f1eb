"""What came of an attempt, and what becomes of the job: values, decided without a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jobsapp.core.backoff import delay_seconds
from jobsapp.core.states import Status

LONGEST_PAUSE = timedelta(days=3653)
"""What a processor or a type asks for may be more than a date can be."""


class Failure(NamedTuple):
    """Why an attempt failed, as people read it. `traceback` only for those who may see it."""

    type: str
    message: str
    traceback: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {"type": self.type, "message": self.message, "traceback": self.traceback}


def timeout_failure(seconds: float, traceback: str | None = None) -> Failure:
    """The failure of an attempt that took longer than `seconds`."""
    return Failure("Timeout", f"The attempt took longer than {seconds:g} s.", traceback)


class Succeeded(NamedTuple):
    result: Any


class Failed(NamedTuple):
    failure: Failure
    permanent: bool = False
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class WasCancelled:
    """The processor stopped because cancelling was asked."""


class Died(NamedTuple):
    """The process that ran the attempt is gone: killed, out of memory, or its machine vanished."""

    failure: Failure


@dataclass(frozen=True)
class HandedBack:
    """The worker was asked to stop before the attempt was over: it counts for nothing."""


Outcome = Succeeded | Failed | WasCancelled | Died | HandedBack


class Attempt(NamedTuple):
    """The facts about an attempt that decide what follows.

    `number` counts from 1 and never restarts; `max_attempts` is the last number there may be; `failures`
    counts from the last time that somebody asked for the job to run (creation or retry), this one included.
    """

    number: int
    max_attempts: int
    failures: int
    cancel_requested: bool
    first: float = 2.0
    factor: float = 2.0
    ceiling: float = 600.0
    jitter: float = 1.0


class Transition(NamedTuple):
    """What to write: the new status and all that goes with it."""

    status: Status
    outcome: str
    result: Any = None
    failure: Failure | None = None
    run_at: datetime | None = None
    grants_attempt: bool = False


def completed(outcome: Succeeded) -> Transition:
    """What follows from success, whatever else is true of the attempt."""
    return Transition(Status.COMPLETED, "completed", result=outcome.result)


def decide(attempt: Attempt, outcome: Outcome, *, now: datetime, draw: float) -> Transition:
    """The transition that follows from an attempt's outcome.

    Success wins over a cancel that came too late: the work is done and its result is there. Otherwise a
    requested cancel wins over every retry. `draw` (0 to 1) is the random part of the backoff.
    """
    match outcome:
        case Succeeded():
            return completed(outcome)
        case WasCancelled():
            return Transition(Status.CANCELLED, "cancelled")
        case _ if attempt.cancel_requested:
            return Transition(Status.CANCELLED, "cancelled", failure=getattr(outcome, "failure", None))
        case HandedBack():
            # Its time stays as it is, and with it its place in the queue.
            return Transition(Status.PENDING, "handed-back", grants_attempt=True)
        case Died(failure):
            return _again_or_failed(attempt, failure, "died", now)
        case Failed(failure, permanent=True):
            return Transition(Status.FAILED, "failed", failure=failure)
        case Failed(failure, retry_after=after):
            wait = timedelta(seconds=_delay(attempt, draw)) if after is None else max(after, timedelta())
            return _again_or_failed(attempt, failure, "failed", now + min(wait, LONGEST_PAUSE))


def _again_or_failed(attempt: Attempt, failure: Failure, outcome: str, run_at: datetime) -> Transition:
    if attempt.number >= attempt.max_attempts:
        return Transition(Status.FAILED, outcome, failure=failure)
    return Transition(Status.PENDING, outcome, failure=failure, run_at=run_at)


def _delay(attempt: Attempt, draw: float) -> float:
    return delay_seconds(
        attempt.failures,
        first=attempt.first,
        factor=attempt.factor,
        ceiling=min(attempt.ceiling, LONGEST_PAUSE.total_seconds()),
        jitter=attempt.jitter,
        draw=draw,
    )
