"""A job as the outside sees it: the same object for JSON, pages and live events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Guest, Reader
from jobsapp.core.progress import eta_seconds, percentage, rate
from jobsapp.core.sealing import shown
from jobsapp.core.states import Status
from jobsapp.models import Job, StoredFile
from jobsapp.processors.registry import JobType, Registry
from jobsapp.services.base import Moment as Moment
from jobsapp.services.base import View as View
from jobsapp.services.relatives import Kin, RelativeView, kin_of
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.waiting import Around, WaitingView, waiting_view
from jobsapp.store import jobs as store
from jobsapp.store.durations import Past, read_durations
from jobsapp.store.limits import limit_states
from jobsapp.store.queues import pauses

PARENT_ENDED = "A job that it depends on was not completed."
"""What those are told who may not see that other job."""


class FileView(View):
    """A stored file. `size` in bytes, `sha256` in hexadecimal."""

    id: UUID
    name: str
    size: int
    media_type: str
    sha256: str


class ArtifactView(FileView):
    download_url: str


class ProgressView(View):
    """How far the job is. `total` and `percentage` are null when the total is not known."""

    current: float | int | None
    total: float | int | None
    percentage: float | None
    message: str | None


class ErrorView(View):
    type: str
    message: str
    traceback: str | None = None


class RetryView(View):
    """How long a failed attempt waits for the next: up to `firstSeconds * factor ** (n - 1)` after the n-th failure."""

    first_seconds: float
    factor: float
    ceiling_seconds: float
    """No pause is longer."""
    jitter: float
    """The share of a pause that is drawn at random."""


class JobView(View):
    id: UUID
    type: str
    queue: str
    name: str
    description: str
    status: Literal["pending", "active", "completed", "failed", "cancelled"]
    waiting_for: WaitingView | None
    data: dict[str, Any]
    result: Any
    error: ErrorView | None
    progress: ProgressView
    progress_unit: Literal["items", "bytes"]
    """What `progress` counts."""
    priority: int
    attempts: int
    max_attempts: int
    run_at: Moment
    expires_at: Moment | None
    """If it waits until then, it is cancelled."""
    timeout_seconds: float | None
    """How long one attempt may take, as the job says or else its type; null: as long as it needs."""
    retry: RetryView | None
    """As the job says, or else its type; null for a type that is not known here."""
    created_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    failed_at: Moment | None
    cancelled_at: Moment | None
    updated_at: Moment
    duration_ms: int | None
    eta_seconds: int | None
    rate: float | None
    """Items, or bytes, a second: what this attempt has done on the average so far; null when that is not known."""
    user_id: UUID | None
    organization_id: UUID
    batch_id: UUID | None
    """The batch that it is a part of."""
    weight: float | None
    """What it is expected to cost beside the others of its batch."""
    cancel_requested_at: Moment | None
    cancelled_by: UUID | None
    cancel_reason: str | None
    artifacts: list[ArtifactView]
    depends_on: list[RelativeView]
    """The jobs that it was made to wait for: the first 100, in the order of their ids. `GET …/dependencies` has all."""
    depends_on_count: int
    dependents: int
    """How many jobs depend on it, counted up to 1,000. `GET …/dependents` has them."""
    ended_by: RelativeView | None
    """The job with which it failed or was cancelled."""
    revision: int

    @property
    def finished(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    @property
    def cancellable(self) -> bool:
        return not self.finished and not self.stopping

    @property
    def stopping(self) -> bool:
        """Cancelling was asked and the job has not stopped yet."""
        return self.status == "active" and self.cancel_requested_at is not None

    @property
    def expired(self) -> bool:
        """Nobody cancelled it: its time was over while it waited."""
        if self.cancelled_at is None or self.expires_at is None or self.cancelled_by is not None:
            return False
        return self.cancelled_at >= self.expires_at and self.cancelled_at == self.cancel_requested_at

    @property
    def retryable(self) -> bool:
        return self.status in ("failed", "cancelled")

    def seen_by(self, reader: Reader | None) -> JobView:
        """The view that this reader may see: the traceback of an error only for administrators, None is nobody."""
        if isinstance(reader, Guest):
            return self.for_guest()
        if self.error is None or self.error.traceback is None or (reader is not None and reader.is_admin):
            return self
        return self.model_copy(update={"error": self.error.model_copy(update={"traceback": None})})

    def for_guest(self) -> JobView:
        """What whoever holds a token for this job may see: no traceback, no input, nobody's id, no other job."""
        hidden: dict[str, Any] = {"data": {}, "user_id": None, "cancelled_by": None, "batch_id": None, "weight": None}
        hidden |= {"depends_on": [], "depends_on_count": 0, "dependents": 0, "ended_by": None}
        if self.waiting_for is not None and self.waiting_for.jobs:
            hidden["waiting_for"] = self.waiting_for.model_copy(update={"jobs": []})
        if self.ended_by is not None:
            hidden["cancel_reason"] = self.cancel_reason and PARENT_ENDED
            if self.error is not None and self.error.type == "ParentFailed":
                hidden["error"] = ErrorView(type=self.error.type, message=PARENT_ENDED)
        return self.seen_by(None).model_copy(update=hidden)


class Views:
    """Makes views of jobs. What all of them need from elsewhere is asked once, not per job."""

    def __init__(self, session: DbSession, hints: Hints, registry: Registry) -> None:
        self._session = session
        self._hints = hints
        self._registry = registry

    def job(self, job: Job) -> JobView:
        return self.jobs([job])[0]

    def jobs(self, jobs: Sequence[Job]) -> list[JobView]:
        """Views in the same order, for at most five further statements and one round trip to Redis."""
        now = datetime.now(UTC)
        pending = [job for job in jobs if job.status == Status.PENDING]
        kin = kin_of(driver(self._session), jobs)
        blocked = {job_id for job_id, one in kin.items() if one.waits}
        due = [job for job in pending if job.run_at <= now and job.id not in blocked]
        around = self._around(due)
        waiting = {job.id: waiting_view(job, now, around, kin.get(job.id)) for job in pending}
        working = {job.type for job in jobs if job.status == Status.ACTIVE}
        past = read_durations(driver(self._session), working) if working else Past(now, {})
        types = {job.type: self._registry.find(job.type) for job in jobs}
        return [_job_view(job, types[job.type], waiting.get(job.id), past, kin.get(job.id, Kin())) for job in jobs]

    def _around(self, due: Sequence[Job]) -> Around:
        if not due:
            return Around()
        queues, connection = {job.queue for job in due}, driver(self._session)
        return Around(
            pauses=pauses(connection, queues),
            limits=limit_states(connection),
            listening=self._hints.listening(queues),
            places=store.waiting_places(connection, [job.id for job in due]),
        )

    def file(self, file: StoredFile) -> FileView:
        return FileView(id=file.id, name=file.name, size=file.size, media_type=file.media_type, sha256=file.sha256)


def progress_view(current: float | None, total: float | None, message: str | None) -> ProgressView:
    return ProgressView(
        current=_plain(current), total=_plain(total), percentage=percentage(current, total), message=message
    )


def _job_view(job: Job, job_type: JobType | None, waiting: WaitingView | None, past: Past, kin: Kin) -> JobView:
    columns = {name: getattr(job, name) for name in JobView.model_fields if hasattr(job, name)}
    is_kept = job_type is not None and job_type.processor.run_by_keeper
    columns |= {
        "data": shown(job.data),
        "waiting_for": waiting,
        "error": job.error,
        "progress": progress_view(job.progress_current, job.progress_total, job.progress_message),
        "progress_unit": job_type.processor.unit if job_type else "items",
        "duration_ms": _duration_ms(job, past.now),
        # A workflow's steps are no measure of time: one may wait for a person.
        "eta_seconds": None if is_kept else _eta_seconds(job, past),
        "rate": None if is_kept else _rate(job, past.now),
        "timeout_seconds": _timeout_seconds(job, job_type),
        "retry": _retry(job, job_type),
        "artifacts": [artifact_view(file) for file in job.artifacts],
        "depends_on": kin.parents,
        "dependents": kin.children,
        "ended_by": kin.ended_by,
    }
    return JobView.model_validate(columns)


def _timeout_seconds(job: Job, job_type: JobType | None) -> float | None:
    if job.timeout_seconds is not None or job_type is None:
        return job.timeout_seconds
    return job_type.processor.timeout


def _retry(job: Job, job_type: JobType | None) -> RetryView | None:
    if job_type is None:
        return None
    policy = job_type.processor.retry.changed(job.retry)
    return RetryView(
        first_seconds=policy.first, factor=policy.factor, ceiling_seconds=policy.ceiling, jitter=policy.jitter
    )


def _eta_seconds(job: Job, past: Past) -> int | None:
    if job.status != Status.ACTIVE:
        return None
    return eta_seconds(
        job.progress_current,
        job.progress_total,
        base=job.progress_base,
        since=job.progress_base_at,
        now=past.now,
        history=past.durations.get(job.type, ()),
    )


def _rate(job: Job, now: datetime) -> float | None:
    if job.status != Status.ACTIVE:
        return None
    return rate(job.progress_current, base=job.progress_base, since=job.progress_base_at, now=now)


def _duration_ms(job: Job, now: datetime) -> int | None:
    """How long the last run took, or takes so far. None for a job that was cancelled while it waited."""
    ended = now if job.status == Status.ACTIVE else job.completed_at or job.failed_at or job.cancelled_at
    # A job that waits is cancelled in the moment it is asked; one that runs stops later.
    waited = job.cancelled_at is not None and job.cancelled_at == job.cancel_requested_at
    if job.started_at is None or ended is None or waited:
        return None
    return max(0, round((ended - job.started_at).total_seconds() * 1000))


def artifact_view(file: StoredFile) -> ArtifactView:
    return ArtifactView(
        id=file.id,
        name=file.name,
        size=file.size,
        media_type=file.media_type,
        sha256=file.sha256,
        download_url=f"/api/files/{file.id}/content",
    )


def _plain(number: float | None) -> float | int | None:
    return int(number) if number is not None and number.is_integer() else number
