"""What follows from the end of a job: jobs that wait for it, and what is still to be told."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt


class JobDependency(Base):
    """One job waits for another, its parent."""

    __tablename__ = "job_dependencies"
    __table_args__ = (
        CheckConstraint("on_failure IN ('cancel', 'fail', 'continue')", name="on_failure"),
        Index("job_dependencies_of_parent", "parent_id", "job_id"),
        # Of a million dependents, the next piece to be released is found without reading those that are.
        Index("job_dependencies_unsettled", "parent_id", postgresql_where=text("settled IS NULL")),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    parent_id: Mapped[UUID] = mapped_column(primary_key=True)
    """On purpose no foreign key: what has finished may be deleted, and who waited for it goes on."""
    on_failure: Mapped[str]
    """What becomes of the job if the parent fails or is cancelled."""
    settled: Mapped[str | None]
    """How the parent ended, `gone` if it was deleted. None: the job still waits for it."""
    decisive: Mapped[bool] = mapped_column(server_default="false")
    """Whether it was this parent with which the job ended."""


class Outbox(Base):
    """A job that somebody follows reached a final state, or left one. Written by a trigger, in the transaction of the
    change; `runtime/advancer.py` takes it out."""

    __tablename__ = "job_outbox"
    __table_args__ = (
        Index("job_outbox_of_batch", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "5000"}},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    """`ended`, `reopened`; `counted`: `jobs` jobs of a batch did one of both in one statement; `check`: look whether
    what the job waits for has ended; `more`: of its dependents some are left; `begin`, `stop`: of workflows."""
    organization_id: Mapped[UUID]
    job_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    type: Mapped[str]
    batch_id: Mapped[UUID | None]
    weight: Mapped[float | None]
    jobs: Mapped[int] = mapped_column(server_default="1")
    was: Mapped[str | None]
    status: Mapped[str]
    at: Mapped[CreatedAt]
    tries: Mapped[int] = mapped_column(server_default="0")
    fault: Mapped[str | None]
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """None: it failed too often, and waits for somebody to look at it. 'infinity': at once, see `take_outbox.sql`."""
