"""What has happened to a job, step by step, from what is recorded of it: no moment is made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from jobsapp.models import JobAttempt
from jobsapp.services.relatives import RelativeView
from jobsapp.services.views import JobView

Kind = Literal["created", "waited", "again", "attempt", "cancel", "stopping", "finished"]

# A start time this close to the creation is that of a job that was to start at once.
AT_ONCE = timedelta(seconds=1)
ENDS = {"completed": "Job completed", "failed": "Job failed", "cancelled": "Job cancelled"}
TONES = {"completed": "completed", "failed": "failed", "died": "failed", "cancelled": "cancelled"}


@dataclass(frozen=True)
class Step:
    """One step. `at`: when it began or happened; `until`: when it ended; None: not known, or it goes on.

    `state` is the tone it is drawn in. `due`: what a wait was for. `goes_on`: its time still grows. `now`: the present
    state, which is the last step and no other.
    """

    kind: Kind
    title: str
    state: str = "pending"
    at: datetime | None = None
    until: datetime | None = None
    note: str = ""
    due: datetime | None = None
    attempt: JobAttempt | None = None
    job: RelativeView | None = None
    """Another job that the step is about."""
    goes_on: bool = False
    now: bool = False

    @property
    def milliseconds(self) -> float | None:
        """How long it took. None: not known, or it goes on."""
        if self.at is None or self.until is None:
            return None
        return max(0.0, (self.until - self.at).total_seconds() * 1000)


def timeline(job: JobView, attempts: Sequence[JobAttempt], *, allowance: int) -> list[Step]:
    """The steps of a job in their order, the present state last.

    `allowance`: how many attempts each asking gives. So many left when an attempt begins, and it is the first since
    somebody asked for the job again, which was at `run_at`; of earlier askings nothing is recorded.
    """
    steps = [Step("created", "Created", at=job.created_at)]
    before: JobAttempt | None = None
    for attempt in attempts:
        fresh = attempt.number == job.attempts and job.max_attempts - attempt.number + 1 == allowance
        steps += _waits(job, before, attempt.started_at, fresh=fresh)
        steps.append(_attempt(attempt))
        before = attempt
    fresh = job.max_attempts - job.attempts == allowance
    if job.status == "pending":
        steps += _waits(job, before, None, fresh=fresh)
    elif job.status == "cancelled" and job.cancelled_at == job.cancel_requested_at:
        steps += _waits(job, before, job.cancelled_at, fresh=fresh)
    steps += _end(job)
    return [*steps[:-1], replace(steps[-1], now=True)]


def _waits(job: JobView, before: JobAttempt | None, until: datetime | None, *, fresh: bool) -> Iterator[Step]:
    """The time between an attempt (or the creation) and `until`. None: it waits now."""
    since = job.created_at if before is None else before.ended_at
    if since is None:
        return
    # `run_at` tells of one wait only, the one that it lies in.
    due = job.run_at if since <= job.run_at and (until is None or job.run_at <= until) else None
    if before is not None and due is not None and fresh and before.outcome != "handed-back":
        yield Step("again", "Asked to run again", at=due)
        since, due = due, None
    if due is not None and due - since < AT_ONCE:
        due = None
    if until is None:
        note = job.waiting_for.text if job.waiting_for else ""
        if before is None and job.depends_on_count and job.waiting_for and job.waiting_for.code != "dependencies":
            note = f"No longer for {_others(job)}. {note}"
        yield Step("waited", "Waits", at=since, note=note, due=due, goes_on=True)
    else:
        note = f"Also for {_others(job)}" if before is None and job.depends_on_count else ""
        yield Step("waited", _waited_for(before, due), at=since, until=until, due=due, note=note)


def _others(job: JobView) -> str:
    return "the job it depends on" if job.depends_on_count == 1 else f"{job.depends_on_count:,} jobs it depends on"


def _waited_for(before: JobAttempt | None, due: datetime | None) -> str:
    if due is None:
        return "Waited"
    return "Waited for its start time" if before is None else "Waited for its next attempt"


def _attempt(attempt: JobAttempt) -> Step:
    outcome = (attempt.outcome or "").replace("-", " ")
    return Step(
        "attempt",
        f"Attempt {attempt.number} {outcome or 'runs'}",
        TONES.get(attempt.outcome or "", "pending") if attempt.outcome else "active",
        attempt.started_at,
        attempt.ended_at,
        attempt=attempt,
        goes_on=attempt.outcome is None,
    )


def _end(job: JobView) -> Iterator[Step]:
    """What follows the attempts: a cancel in its steps, and how the job ended."""
    ended = job.completed_at or job.failed_at or job.cancelled_at
    if job.cancel_requested_at is not None and job.cancel_requested_at != job.cancelled_at:
        yield Step("cancel", "Cancel requested", "stopping", job.cancel_requested_at, note=job.cancel_reason or "")
        if job.stopping:
            yield Step("stopping", "Stopping", "stopping", job.cancel_requested_at, goes_on=True)
    if ended is not None:
        told = job.cancel_requested_at == job.cancelled_at and job.status == "cancelled"
        title = "Job expired" if job.expired else ENDS[job.status]
        note = (job.cancel_reason or "") if told else ""
        yield Step("finished", title, job.status, ended, note=note, job=job.ended_by)
