"""What waits, who works, and what holds jobs back: small tables beside the jobs, so that those change in place.

An index of `jobs` that knew the status would have to be written at each step of each job. So what a claim looks for
is here: a row of `job_queue` comes and goes with the state pending.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Moment

SCOPES = ("queue", "type", "organization")


class QueuedJob(Base):
    """A pending job. There is a row for each of them and for no other."""

    __tablename__ = "job_queue"
    __table_args__ = (
        Index(
            "job_queue_for_claim",
            "queue",
            "urgency",
            "organization_id",
            "run_at",
            "job_id",
            postgresql_where=text("due"),
        ),
        Index("job_queue_timed", "run_at", postgresql_where=text("NOT due AND blockers = 0")),
        Index("job_queue_expiring", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        # Its rows live for milliseconds.
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "10000"}},
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    queue: Mapped[str]
    urgency: Mapped[int]
    """The priority with the other sign: an index that only rises can be walked by comparing rows."""
    organization_id: Mapped[UUID]
    type: Mapped[str]
    run_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due: Mapped[bool]
    """Its time has come. The keeper sets it, so that a claim never reads what lies in the future."""
    blockers: Mapped[int] = mapped_column(server_default="0")
    """How many jobs it waits for. With some it is not due, whatever its time is."""
    expires_at: Mapped[Moment | None]


class WorkerLease(Base):
    """How long the jobs that a worker has are its own without a further sign of life."""

    __tablename__ = "worker_leases"
    __table_args__ = ({"postgresql_with": {"fillfactor": "10", "toast_tuple_target": "8160"}},)

    worker: Mapped[str] = mapped_column(primary_key=True)
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    job_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    """All active jobs of the worker, and maybe some that it has no more: `jobs` says which."""


class Queue(Base):
    """A queue that somebody said something about. The others have no row."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(primary_key=True)
    paused_at: Mapped[Moment | None]
    paused_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    pause_reason: Mapped[str | None]


class Limit(Base):
    """How many jobs of a queue, a type or an organisation may run at once, or start within a period.

    An organisation's `key` is its id, or `*` for each that has no limit of its own.
    """

    __tablename__ = "limits"
    __table_args__ = (
        CheckConstraint(f"scope IN ({', '.join(repr(scope) for scope in SCOPES)})", name="scope"),
        CheckConstraint("max_active >= 1", name="max_active"),
        CheckConstraint("max_starts >= 1 AND period_seconds > 0", name="max_starts"),
        CheckConstraint("(max_starts IS NULL) = (period_seconds IS NULL)", name="period"),
        CheckConstraint("max_active IS NOT NULL OR max_starts IS NOT NULL", name="something"),
    )

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    max_active: Mapped[int | None]
    max_starts: Mapped[int | None]
    period_seconds: Mapped[float | None]
    updated_at: Mapped[CreatedAt]


class LimitStarts(Base):
    """Starts that count for a limit of starts in a period: one row for those of a hundredth of it, at its end."""

    __tablename__ = "limit_starts"
    __table_args__ = (Index("limit_starts_of_key", "scope", "key", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    scope: Mapped[str]
    key: Mapped[str]
    at: Mapped[CreatedAt]
    starts: Mapped[int]
