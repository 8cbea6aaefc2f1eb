"""Numbers about jobs, kept by whoever changes a job: exact at any moment, and never counted from the jobs.

Triggers of `jobs` write what a statement changed as new rows of `job_tallies`, so no statement can be forgotten and no
two workers wait for each other. The keeper folds those into the other tables. Whoever reads adds up both.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import Moment

FOLDED = {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "5000"}


class JobTally(Base):
    """What one statement changed: so many jobs more, or fewer, of one kind. Lives until the keeper folds it."""

    __tablename__ = "job_tallies"
    __table_args__ = ({"postgresql_with": FOLDED},)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    type: Mapped[str]
    status: Mapped[str]
    duration: Mapped[int] = mapped_column(SmallInteger)
    """Where in the histogram completed jobs belong (`core/histogram.py`); -1: not completed."""
    jobs: Mapped[int]
    minute: Mapped[Moment | None]
    """When they ended, if this tells of an end."""
    ended: Mapped[int]
    """How many came to an end. Unlike `jobs` it is never taken back, by a retry or a cleanup."""
    error_type: Mapped[str | None]
    last_job_id: Mapped[UUID | None]
    """One of those that failed."""


class JobCount(Base):
    """How many jobs of a kind there are: of each user, and of all (`user_id` of zeros)."""

    __tablename__ = "job_counts"
    __table_args__ = (
        Index("job_counts_of_nothing", "organization_id", postgresql_where=text("jobs = 0")),
        {"postgresql_with": FOLDED},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    duration: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    jobs: Mapped[int] = mapped_column(BigInteger)


class JobHistory(Base):
    """How many jobs ended in each minute, hour and day (of UTC), and how long those took that completed."""

    __tablename__ = "job_history"
    __table_args__ = (
        Index("job_history_by_age", "grain", "at"),
        {"postgresql_with": {"fillfactor": "50"} | FOLDED},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    grain: Mapped[str] = mapped_column(primary_key=True)
    """`minute`, `hour` or `day`."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    duration: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    jobs: Mapped[int] = mapped_column(BigInteger)


class JobFailure(Base):
    """Which errors jobs failed with in each hour, and one of the last of those jobs."""

    __tablename__ = "job_failures"
    __table_args__ = (
        Index("job_failures_by_age", "hour"),
        {"postgresql_with": {"fillfactor": "50"} | FOLDED},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    error_type: Mapped[str] = mapped_column(primary_key=True)
    jobs: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_job_id: Mapped[UUID]
