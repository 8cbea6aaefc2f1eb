"""How long jobs and uploads are kept, how far the pruning is, what it did, and what was archived before."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment
from jobsapp.models.identity import User


class RetentionRule(Base):
    """For how many days what the rule is about is kept (`core/retention.py`); None: for ever."""

    __tablename__ = "retention_rules"
    __table_args__ = (
        CheckConstraint("scope IN ('jobs', 'uploads')", name="scope"),
        CheckConstraint("status IN ('', 'completed', 'failed', 'cancelled')", name="status"),
        CheckConstraint("days BETWEEN 1 AND 36500", name="days"),
        CheckConstraint("archive IN ('', 'jsonl', 'parquet')", name="archive"),
        CheckConstraint("scope = 'jobs' OR (type = '' AND status = '' AND archive = '')", name="uploads"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True, server_default="")
    status: Mapped[str] = mapped_column(primary_key=True, server_default="")
    days: Mapped[int | None]
    archive: Mapped[str] = mapped_column(server_default="")
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    updated_at: Mapped[CreatedAt]

    updater: Mapped[User | None] = relationship(viewonly=True)


class RetentionWalk(Base):
    """How far the pruning of a rule is: it looks at jobs in the order of their creation, some at a time.

    `position`: the last one that it looked at; None: it begins. `round_at`: when it began.
    """

    __tablename__ = "retention_walks"
    __table_args__ = (Index("retention_walks_due", "due_at"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int]
    position: Mapped[UUID | None]
    round_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class RetentionRun(Base):
    """What the pruning of a rule deleted on a day of UTC."""

    __tablename__ = "retention_runs"
    __table_args__ = (Index("retention_runs_by_day", "day"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    deleted: Mapped[int] = mapped_column(BigInteger)
    archives: Mapped[int]
    last_at: Mapped[Moment]


class Archive(Base):
    """A file with jobs that were deleted. `size` in bytes; `sha256` in hexadecimal; `month` as in `ArchiveName`."""

    __tablename__ = "archives"
    __table_args__ = (
        CheckConstraint("format IN ('jsonl', 'parquet')", name="format"),
        Index("archives_of_organization", "organization_id", text("id DESC")),
        Index("archives_by_jobs", "organization_id", "first_id", "last_id", "format", unique=True),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    month: Mapped[str]
    first_id: Mapped[UUID]
    last_id: Mapped[UUID]
    format: Mapped[str]
    jobs: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    created_at: Mapped[CreatedAt]
