"""What the engine should do, in plain Python: the jobs of a small world, and which worker believes to have which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobsapp.core.outcomes import Attempt, Failed, Failure, HandedBack, Outcome, Succeeded, WasCancelled
from jobsapp.core.states import TERMINAL, Status

OOPS = Failure("ValueError", "oops")
SOON, LATE = timedelta(0), timedelta(hours=45)
WAYS: dict[str, Outcome] = {
    "done": Succeeded({"fine": True}),
    "failed for good": Failed(OOPS, permanent=True),
    "retry now": Failed(OOPS, retry_after=SOON),
    "retry later": Failed(OOPS, retry_after=LATE),
    "stopped": WasCancelled(),
    "handed back": HandedBack(),
    "not started": HandedBack(),
}


@dataclass(frozen=True)
class Owner:
    """A worker that claimed a job, whether or not the job is still its own."""

    worker: str
    job_id: UUID
    attempt: int
    max_attempts: int

    def facts(self) -> Attempt:
        """As a worker sees it that has not heard of a cancel."""
        return Attempt(number=self.attempt, max_attempts=self.max_attempts, failures=1, cancel_requested=False)


@dataclass
class ModelJob:
    id: UUID
    queue: str
    priority: int
    allowance: int
    run_at: datetime
    max_attempts: int = 0
    status: Status = Status.PENDING
    attempts: int = 0
    revision: int = 1
    cancel_asked: bool = False
    organization: UUID | None = None
    due: bool = True
    worker: str | None = None
    progress: float | None = None
    checkpoint: Any = None
    result: Any = None
    error: str | None = None
    log_lines: int = 0
    history: dict[int, tuple[str, str]] = field(default_factory=dict)
    ends: list[tuple[Status, str]] = field(default_factory=list)
    """Each time it came to an end: how, and with which error."""

    def __post_init__(self) -> None:
        self.max_attempts = self.allowance

    def is_of(self, owner: Owner) -> bool:
        return (self.status, self.id, self.attempts) == (Status.ACTIVE, owner.job_id, owner.attempt)

    def claim(self, worker: str) -> None:
        self._change(Status.ACTIVE)
        self.attempts += 1
        self.worker, self.progress = worker, None

    def pulse(self, current: float | None, checkpoint: Any, changed: bool, lines: int) -> None:
        self.progress = current
        self.checkpoint = self.checkpoint if checkpoint is None else checkpoint
        self.revision += changed
        self.log_lines += lines

    def end(self, way: str, now: datetime, said: float | None) -> None:
        """Its attempt ended so, by a worker that has not heard of a cancel."""
        began = way != "not started"
        self.progress = self.progress if said is None else said
        if way == "done":
            self.result, self.error = {"fine": True}, None
            self._end(Status.COMPLETED, "completed", began)
        elif way == "stopped":
            self._end(Status.CANCELLED, "cancelled", began)
        elif way in ("handed back", "not started"):
            self.max_attempts += 1
            self._end(Status.PENDING, "handed-back", began)
        else:
            self.error = OOPS.type
            if way != "failed for good" and self.attempts < self.max_attempts:
                self.run_at = now + (SOON if way == "retry now" else LATE)
                self.due = way == "retry now"
                self._end(Status.PENDING, "failed", began)
            else:
                self._end(Status.FAILED, "failed", began)

    def lose(self) -> None:
        """Its worker is gone. Where it waits again, its time is now, which only the database knows."""
        self.error = "WorkerDied"
        self.due = True
        self._end(Status.PENDING if self.attempts < self.max_attempts else Status.FAILED, "died", True)

    def cancel(self) -> bool:
        if self.status in TERMINAL:
            return False
        self._change(Status.CANCELLED if self.status == Status.PENDING else self.status)
        self.cancel_asked = True
        return True

    def retry(self) -> bool:
        if self.status not in (Status.FAILED, Status.CANCELLED):
            return False
        self._change(Status.PENDING)
        self.max_attempts = self.attempts + self.allowance
        self.cancel_asked, self.progress, self.due = False, None, True
        return True

    def _end(self, status: Status, outcome: str, began: bool) -> None:
        if self.cancel_asked and status != Status.COMPLETED:
            status, outcome = Status.CANCELLED, "cancelled"
        if began and status != Status.COMPLETED:
            self.history[self.attempts] = (outcome, self.worker or "")
        self._change(status)

    def _change(self, status: Status) -> None:
        if status in TERMINAL and self.status not in TERMINAL:
            self.ends.append((status, self.error or ""))
        self.status = status
        self.revision += 1


class World:
    """All jobs. `now`: hours of the model's clock away from the time of any job, so that no test waits for one."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.jobs: dict[UUID, ModelJob] = {}
        self.silent: set[str] = set()
        """Workers whose lease ended."""

    def next(self, queue: str, limit: int, after: UUID) -> list[UUID]:
        """What a claim gets: the largest priority first, in it each organisation in turn, in its line the oldest.

        All organisations of a priority have the same share of a claim, the first of them one more where it does not
        divide; then they get what is left over.
        """
        waiting = [job for job in self.of(Status.PENDING) if job.queue == queue and job.due]
        lines = sorted({(-job.priority, job.organization) for job in waiting})
        lines.sort(key=lambda line: (line[0], line[1] <= after, line[1]))
        found: list[UUID] = []
        for urgency in sorted({line[0] for line in lines}):
            of_priority = [
                sorted(
                    (job for job in waiting if (-job.priority, job.organization) == line),
                    key=lambda job: (job.run_at, job.id),
                )
                for line in lines
                if line[0] == urgency
            ]
            number = len(of_priority)
            shares = [max(1, (limit + number - place) // number) for place in range(1, number + 1)]
            lines_and_shares = list(zip(of_priority, shares, strict=True))
            found += [job.id for line, share in lines_and_shares for job in line[:share]]
            found += [job.id for line, share in lines_and_shares for job in line[share:]]
        return found[:limit]

    def of(self, *statuses: Status) -> Iterator[ModelJob]:
        return (job for job in self.jobs.values() if job.status in statuses)


def in_turns(jobs: list[ModelJob], after: UUID) -> list[ModelJob]:
    """By priority; in it the first of each organisation, then the second of each, beginning with the one after."""

    def place(job: ModelJob) -> tuple[int, int, bool, UUID]:
        assert job.organization is not None
        line = [one for one in jobs if (one.priority, one.organization) == (job.priority, job.organization)]
        nth = sorted(line, key=lambda one: (one.run_at, one.id)).index(job)
        return -job.priority, nth, job.organization <= after, job.organization

    return sorted(jobs, key=place)
