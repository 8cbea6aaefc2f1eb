"""Schedules, which create jobs at certain times, and what came of each time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.core.schedules import Missed, Overlap
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment

OUTCOMES = ("created", "missed", "overlapped")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(one)) for one in values)})"


class Schedule(Base):
    """Creates jobs as its owner: by a cron expression on the clock of a zone, or every so many seconds."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("(cron IS NULL) <> (every_seconds IS NULL)", name="timing"),
        CheckConstraint(_one_of("missed", tuple(Missed)), name="missed"),
        CheckConstraint(_one_of("overlap", tuple(Overlap)), name="overlap"),
        CheckConstraint("(next_run_at IS NULL) = (fire_at IS NULL)", name="next_run_at"),
        CheckConstraint("next_run_at IS NULL OR (paused_at IS NULL AND ended_at IS NULL)", name="waits"),
        CheckConstraint("(user_id IS NULL) = (declared IS NOT NULL)", name="owner"),
        Index("schedules_due", "fire_at", postgresql_where=text("fire_at IS NOT NULL")),
        Index("schedules_of_organization", "organization_id", text("id DESC")),
        Index("schedules_of_user", "user_id"),
        Index(
            "schedules_declared",
            "organization_id",
            "declared",
            unique=True,
            postgresql_where=text("declared IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """Its owner. None: it is declared in code, and acts as the organisation's first administrator."""
    declared: Mapped[str | None]
    """What code calls it, of a schedule that is declared there."""

    type: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    """As of a job: its secrets are sealed beside it, bound to the schedule's id."""
    priority: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int | None]
    timeout_seconds: Mapped[float | None]

    cron: Mapped[str | None]
    zone: Mapped[str] = mapped_column(server_default="UTC")
    every_seconds: Mapped[int | None]
    anchor: Mapped[Moment | None]
    """From when the intervals count."""
    ends_at: Mapped[Moment | None]
    jitter_seconds: Mapped[int] = mapped_column(server_default="0")
    missed: Mapped[str]
    missed_limit: Mapped[int]
    overlap: Mapped[str]

    next_run_at: Mapped[Moment | None]
    """When the next run is due; None: it is paused or has ended."""
    fire_at: Mapped[Moment | None]
    """When the next run is made: later by its jitter, or because the last try failed."""
    last_run_at: Mapped[Moment | None]
    last_job_id: Mapped[UUID | None]
    """Its newest job. No key: that job may be gone, and then nothing overlaps."""
    runs: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """How many jobs it has created."""

    paused_at: Mapped[Moment | None]
    paused_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    pause_reason: Mapped[str | None]
    """Why it paused itself, or what somebody said who did."""
    ended_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ScheduleInput(Base):
    """A stored file that the jobs of a schedule read. While the schedule goes on, or may, no cleanup deletes it."""

    __tablename__ = "schedule_inputs"
    __table_args__ = (Index("schedule_inputs_of_file", "file_id"),)

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))


class ScheduleRun(Base):
    """A run that was due, or that somebody asked for: the key makes it impossible to make one twice."""

    __tablename__ = "schedule_runs"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
        CheckConstraint("outcome = 'created' OR job_id IS NULL", name="job"),
        Index("schedule_runs_of_job", "job_id"),
    )

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True)
    run_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    made_at: Mapped[CreatedAt]
    outcome: Mapped[str]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    """Who asked for it; None: it was due."""
    missed: Mapped[int] = mapped_column(server_default="0")
    """Of a run that was missed: how many there were, with this one, the last of them."""
    missed_is_more: Mapped[bool] = mapped_column(server_default="false")
    """There were more than were counted."""
