"""What the server answers, as typed values. Fields are named as in the API, in snake_case.

What a newer server says beyond this is passed over. Times carry their zone; amounts name their unit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Status = Literal["pending", "active", "completed", "failed", "cancelled"]


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all answers."""

    def as_json(self, indent: int | None = None) -> str:
        """As the API writes it.

        Example:
            print(job.as_json(indent=2))
        """
        written = msgspec.json.encode(self)
        return (written if indent is None else msgspec.json.format(written, indent=indent)).decode()


class StoredFile(Answer, frozen=True, kw_only=True):
    """A file on the server. `size` in bytes, `sha256` in hexadecimal."""

    id: UUID
    name: str
    size: int
    media_type: str
    sha256: str


class Artifact(StoredFile, frozen=True, kw_only=True):
    """A file that a job made."""

    download_url: str


class Progress(Answer, frozen=True, kw_only=True):
    """How far a job is. `total` and `percentage` are None when the total is not known."""

    current: int | float | None = None
    total: int | float | None = None
    percentage: float | None = None
    message: str | None = None


class Waiting(Answer, frozen=True, kw_only=True):
    """Why a pending job does not run yet. `code` is for programs, `text` for people."""

    code: str
    text: str
    place: int | None = None
    until: datetime | None = None
    since: datetime | None = None
    jobs: tuple[UUID, ...] = ()


class Failure(Answer, frozen=True, kw_only=True):
    """The error of the last failed attempt. The traceback is for administrators."""

    type: str
    message: str
    traceback: str | None = None


class Pauses(Answer, frozen=True, kw_only=True):
    """How long a failed attempt waits for the next: up to `first_seconds * factor ** (n - 1)` after the n-th."""

    first_seconds: float
    factor: float
    ceiling_seconds: float
    jitter: float


class Relative(Answer, frozen=True, kw_only=True):
    """A job that another depends on, or that depends on it."""

    id: UUID
    name: str
    type: str
    status: Literal["pending", "active", "completed", "failed", "cancelled", "deleted"]


class RelativesPage(Answer, frozen=True, kw_only=True):
    jobs: tuple[Relative, ...]
    next_cursor: str | None = None


class Job(Answer, frozen=True, kw_only=True):
    """A job as it was at `updated_at`. `revision` grows with every change."""

    id: UUID
    type: str
    queue: str
    name: str
    description: str
    status: Status
    waiting_for: Waiting | None
    data: dict[str, Any]
    result: Any
    error: Failure | None
    progress: Progress
    progress_unit: Literal["items", "bytes"] = "items"
    priority: int
    attempts: int
    max_attempts: int
    run_at: datetime
    expires_at: datetime | None = None
    timeout_seconds: float | None = None
    retry: Pauses | None = None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    updated_at: datetime
    duration_ms: int | None = None
    eta_seconds: int | None = None
    rate: float | None = None
    user_id: UUID | None
    organization_id: UUID
    batch_id: UUID | None = None
    weight: float | None = None
    cancel_requested_at: datetime | None = None
    cancelled_by: UUID | None = None
    cancel_reason: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    depends_on: tuple[Relative, ...] = ()
    depends_on_count: int = 0
    dependents: int = 0
    ended_by: Relative | None = None
    revision: int = 0

    @property
    def finished(self) -> bool:
        """Completed, failed or cancelled."""
        return self.status in ("completed", "failed", "cancelled")

    @property
    def stopping(self) -> bool:
        """It was cancelled while it ran, and has not stopped yet."""
        return self.status == "active" and self.cancel_requested_at is not None


class JobPage(Answer, frozen=True, kw_only=True):
    """Some jobs, newest first. It may hold few, or none, and yet have a `next_cursor`."""

    jobs: tuple[Job, ...]
    next_cursor: str | None = None
    total: int | None = None


class CreatedJobs(Answer, frozen=True, kw_only=True):
    """What `create_many` made. `ids` stand in the order of the jobs that were asked for."""

    ids: tuple[UUID, ...]
    count: int


class BatchCounts(Answer, frozen=True, kw_only=True):
    """How many jobs of a batch are in each state."""

    pending: int
    active: int
    completed: int
    failed: int
    cancelled: int


class BatchCallback(Answer, frozen=True, kw_only=True):
    """A job that a batch lets run on `complete`, `success` or `failure`, and what was made of it."""

    on: str
    type: str
    name: str | None = None
    job_id: UUID | None = None
    job_exists: bool = False
    error: str | None = None


class BatchFailure(Answer, frozen=True, kw_only=True):
    """One way in which jobs of a batch failed: how many, and one of them."""

    jobs: int
    type: str
    message: str
    job_id: UUID


class BatchFailures(Answer, frozen=True, kw_only=True):
    failures: tuple[BatchFailure, ...]


class Batch(Answer, frozen=True, kw_only=True):
    """Many jobs under one name. `percentage` is of what they are expected to cost."""

    id: UUID
    name: str
    description: str
    status: Literal["running", "completed", "failed", "cancelled"]
    counts: BatchCounts
    total_jobs: int
    total_weight: float
    percentage: float
    eta_seconds: int | None = None
    created_at: datetime
    closed_at: datetime | None = None
    ended_at: datetime | None = None
    user_id: UUID | None = None
    organization_id: UUID
    changing: str | None = None
    cancel_reason: str | None = None
    callbacks: tuple[BatchCallback, ...] = ()
    results: Artifact | None = None
    results_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """It is closed, and all its jobs have ended."""
        return self.status != "running"


class BatchPage(Answer, frozen=True, kw_only=True):
    """Some batches, newest first."""

    batches: tuple[Batch, ...]
    next_cursor: str | None = None


class CreatedBatch(Answer, frozen=True, kw_only=True):
    """A batch that was created, and the ids of its first jobs."""

    batch: Batch
    ids: tuple[UUID, ...]


class ManyChanged(Answer, frozen=True, kw_only=True):
    """What a change of many jobs did, or, of a dry run, would do. Counts go up to 10,000."""

    action: str
    dry_run: bool
    chosen: int
    chosen_is_more: bool = False
    missing: int = 0
    of_others: int = 0
    applicable: int = 0
    applicable_is_more: bool = False
    others: dict[str, int] = {}
    changed: int
    left: int


class LogLine(Answer, frozen=True, kw_only=True):
    """A line of a job's log."""

    id: int
    attempt: int
    at: datetime
    level: str
    message: str


class LogPage(Answer, frozen=True, kw_only=True):
    """Lines of a log. `ended`: nothing follows, unless the job is retried."""

    lines: tuple[LogLine, ...]
    next_after: int
    next_before: int | None = None
    ended: bool = False


class JobType(Answer, frozen=True, kw_only=True):
    """A job type. `input_schema` is the JSON Schema of `data`."""

    type: str
    title: str
    description: str
    queue: str
    available: bool
    unavailable_reason: str | None = None
    max_attempts: int
    input_schema: dict[str, Any]
    icon: str = ""


class JobTypes(Answer, frozen=True, kw_only=True):
    types: tuple[JobType, ...]


class Pause(Answer, frozen=True, kw_only=True):
    """Since when a queue is paused, by whom, and why."""

    at: datetime
    by: str | None = None
    reason: str | None = None


class Limit(Answer, frozen=True, kw_only=True):
    """A limit and how much of it is used."""

    scope: str
    key: str
    max_active: int | None = None
    max_starts: int | None = None
    period_seconds: float | None = None
    active: int | None = None
    starts: int | None = None


class Queue(Answer, frozen=True, kw_only=True):
    """A queue. `depth`: due jobs that wait, counted up to 10,000. `workers` None: not known right now."""

    name: str
    types: tuple[str, ...] = ()
    paused: Pause | None = None
    limits: tuple[Limit, ...] = ()
    depth: int
    depth_is_more: bool = False
    oldest_at: datetime | None = None
    workers: int | None = None


class Queues(Answer, frozen=True, kw_only=True):
    queues: tuple[Queue, ...]


class Stats(Answer, frozen=True, kw_only=True):
    """Numbers about jobs: durations in milliseconds, rates between 0 and 1, None if nothing finished yet."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]]
    success_rate: float | None
    failure_rate: float | None
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    queue_depth: dict[str, int]


class Event(Answer, frozen=True, kw_only=True):
    """A change of a job: `job-created`, `job-update`, `job-completed`, `job-failed`, `job-cancelled`.

    `job-deleted` comes without the job.
    """

    event: str
    job_id: UUID
    revision: int = 0
    job: Job | None = None
