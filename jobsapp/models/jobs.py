"""A job, its attempts and its log lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobsapp.core.states import Status
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment
from jobsapp.models.files import StoredFile

STATUSES = ", ".join(f"'{status}'" for status in Status)


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN ({STATUSES})", name="status"),
        CheckConstraint("attempts >= 0 AND attempts <= max_attempts", name="attempts"),
        CheckConstraint("status <> 'active' OR worker IS NOT NULL", name="worker"),
        CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completed_at"),
        CheckConstraint("(status = 'failed') = (failed_at IS NOT NULL)", name="failed_at"),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at"),
        Index("jobs_of_organization", "organization_id", text("id DESC")),
        Index("jobs_of_user", "user_id", text("id DESC")),
        # The type or queue first: see services/walks.py.
        Index("jobs_of_type", "type", "organization_id", text("id DESC")),
        Index("jobs_of_queue", "queue", "organization_id", text("id DESC")),
        Index(
            "jobs_by_idempotency_key",
            "organization_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("jobs_of_batch", "batch_id", text("id DESC"), postgresql_where=text("batch_id IS NOT NULL")),
        # No index knows a column that changes while a job runs, and a page has room for what changes: so an update
        # stays on its page and writes no index (PostgreSQL's HOT).
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    type: Mapped[str]
    queue: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default=Status.PENDING)
    data: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    result: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    checkpoint: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))

    progress_current: Mapped[float | None]
    progress_total: Mapped[float | None]
    progress_message: Mapped[str | None]
    progress_base: Mapped[float | None]
    """What `progress_current` was at `progress_base_at`: the rate of this attempt counts from there."""
    progress_base_at: Mapped[Moment | None]

    priority: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int]
    allowance: Mapped[int]
    """Attempts given each time somebody asks for the job to run; `max_attempts` is a number of attempt."""
    revision: Mapped[int] = mapped_column(BigInteger, server_default="1")

    run_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    started_at: Mapped[Moment | None]
    completed_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]
    cancelled_at: Mapped[Moment | None]

    worker: Mapped[str | None]
    cpu_seconds: Mapped[float | None]
    """Of the last attempt that ended, as in JobAttempt."""
    peak_bytes: Mapped[int | None] = mapped_column(BigInteger)
    timeout_seconds: Mapped[float | None]
    """How long an attempt may take; None: as the type says."""
    retry: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What of the type's retry policy is different for this job."""
    expires_at: Mapped[Moment | None]
    """Not started by then, it is cancelled."""

    cancel_requested_at: Mapped[Moment | None]
    cancelled_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    cancel_reason: Mapped[str | None]

    followed: Mapped[bool] = mapped_column(server_default="false")
    """Whether something waits for its end, which is then told in the outbox."""
    of_workflow: Mapped[bool] = mapped_column(server_default="false")
    """Whether it was made for a step of a workflow, or for one item of it."""
    batch_id: Mapped[UUID | None]
    weight: Mapped[float | None]
    """What it is expected to cost beside the others of its batch; None: as much as most."""
    depends_on_count: Mapped[int] = mapped_column(server_default="0")
    """How many jobs it was made to wait for."""

    idempotency_key: Mapped[str | None]
    request_digest: Mapped[bytes | None]
    """SHA-256 of the request that used the idempotency key: the same key with another body is refused."""

    artifacts: Mapped[list[StoredFile]] = relationship(order_by=StoredFile.id, viewonly=True)
    past_attempts: Mapped[list[JobAttempt]] = relationship(order_by="JobAttempt.number", viewonly=True)

    @property
    def last_attempt(self) -> JobAttempt | None:
        """The attempt that runs, or the one that completed the job. Both stand on the job's own row."""
        if self.status not in (Status.ACTIVE, Status.COMPLETED):
            return None
        return JobAttempt(
            job_id=self.id,
            number=self.attempts,
            worker=self.worker,
            started_at=self.started_at,
            ended_at=self.completed_at,
            outcome=None if self.status == Status.ACTIVE else "completed",
            cpu_seconds=None if self.status == Status.ACTIVE else self.cpu_seconds,
            peak_bytes=None if self.status == Status.ACTIVE else self.peak_bytes,
        )

    @property
    def history(self) -> list[JobAttempt]:
        """All attempts, in order."""
        last = self.last_attempt
        if last is None:
            return list(self.past_attempts)
        return [*(past for past in self.past_attempts if past.number != last.number), last]


class JobInput(Base):
    """A stored file that a job reads. While it is there the file cannot be deleted, on purpose without a cascade."""

    __tablename__ = "job_inputs"
    __table_args__ = (Index("job_inputs_of_file", "file_id"),)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"), primary_key=True)


class JobAttempt(Base):
    """One run of a job that has ended: who ran it, when, what came of it, and what it used.

    The one that runs is on the job's own row, and so is the one that completed it: no other follows.
    """

    __tablename__ = "job_attempts"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[Moment | None]
    outcome: Mapped[str | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    cpu_seconds: Mapped[float | None]
    """Processor time of the work-horse and of its children that ended."""
    peak_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """The most memory the work-horse had; None for a job of milliseconds."""


class JobLog(Base):
    """A line of a job's log."""

    __tablename__ = "job_logs"
    __table_args__ = (Index("job_logs_of_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    at: Mapped[CreatedAt]
    level: Mapped[str]
    message: Mapped[str]


class JobMetric(Base):
    """A point of what a job measures while it runs."""

    __tablename__ = "job_metrics"
    __table_args__ = (Index("job_metrics_of_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    key: Mapped[str]
    step: Mapped[float]
    value: Mapped[float]
