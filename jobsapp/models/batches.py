"""Batches: many jobs under one name, with what came of them added up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment


class Batch(Base):
    """A group of jobs (`jobs.batch_id`). What ended is added up by the advancer; what it has not come to yet is in the
    outbox, and whoever reads adds it: `store/batch_states.sql`.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("total_jobs >= 0", name="total_jobs"),
        CheckConstraint("change IN ('cancel', 'retry')", name="change"),
        Index("batches_of_organization", "organization_id", text("id DESC")),
        Index(
            "batches_by_idempotency_key",
            "organization_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("batches_changing", "id", postgresql_where=text("change IS NOT NULL")),
        Index("batches_to_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
        Index("batches_of_results", "results_id", postgresql_where=text("results_id IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")

    total_jobs: Mapped[int] = mapped_column(server_default="0")
    total_weight: Mapped[float] = mapped_column(server_default="0")
    completed_jobs: Mapped[int] = mapped_column(server_default="0")
    failed_jobs: Mapped[int] = mapped_column(server_default="0")
    cancelled_jobs: Mapped[int] = mapped_column(server_default="0")
    completed_weight: Mapped[float] = mapped_column(server_default="0")
    failed_weight: Mapped[float] = mapped_column(server_default="0")
    cancelled_weight: Mapped[float] = mapped_column(server_default="0")

    created_at: Mapped[CreatedAt]
    closed_at: Mapped[Moment | None]
    """No more jobs may be added since."""
    ended_at: Mapped[Moment | None]
    """Closed, and all its jobs have ended; None again when one is retried."""
    counted_at: Mapped[Moment | None]
    """When something was added up last."""
    noted_at: Mapped[Moment | None]
    noted_weight: Mapped[float] = mapped_column(server_default="0")
    """How much had ended at `noted_at`, at most a minute ago while jobs end. The rate counts from the one before."""
    paced_at: Mapped[Moment | None]
    paced_weight: Mapped[float] = mapped_column(server_default="0")

    callbacks: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Jobs to be made, by when: `complete`, `success`, `failure`."""
    callback_jobs: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What became of them, by the same: `{"id"}` of the job, or `{"error"}`."""

    change: Mapped[str | None]
    """All its jobs are being cancelled, or retried, a part at a time."""
    change_at: Mapped[Moment | None]
    change_after: Mapped[UUID | None]
    """Up to which job that was done."""
    change_left: Mapped[bool] = mapped_column(server_default="false")
    """Some were passed over, because somebody else was writing them: it goes round once more."""
    change_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    change_reason: Mapped[str | None]
    change_cancelled: Mapped[bool] = mapped_column(server_default="false")
    """Whether those that were cancelled are retried too."""

    results_id: Mapped[UUID | None] = mapped_column(ForeignKey("files.id", ondelete="SET NULL"))
    results_at: Mapped[Moment | None]
    look_at: Mapped[Moment | None]
    """When to look whether its jobs are gone, and it with them."""

    idempotency_key: Mapped[str | None]
    request_digest: Mapped[bytes | None]
