"""Workflows, as they were saved, and their runs: how far each is, and what was said to it from outside."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.core.workflows import State
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment

STATES = ", ".join(f"'{state}'" for state in State)


class Workflow(Base):
    """One version of a workflow: never changed, a newer one takes its place."""

    __tablename__ = "workflows"
    __table_args__ = (
        Index("workflows_by_version", "organization_id", "name", "version", unique=True),
        Index("workflows_newest", "organization_id", "name", unique=True, postgresql_where=text("newest")),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    version: Mapped[int]
    newest: Mapped[bool]
    definition: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    source: Mapped[str]
    """As it was written, with its comments."""
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]


class WorkflowRun(Base):
    """A job of the type `workflow-execution` that has begun. The definition is a copy: what is saved later is not
    its concern."""

    __tablename__ = "workflow_runs"
    __table_args__ = (
        Index("workflow_runs_to_wake", "wake_at", postgresql_where=text("running AND wake_at IS NOT NULL")),
        Index("workflow_runs_running", "job_id", postgresql_where=text("running")),
        Index("workflow_runs_running_of_workflow", "organization_id", "workflow", postgresql_where=text("running")),
        Index("workflow_runs_of_workflow", "organization_id", "workflow", text("job_id DESC")),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[UUID]
    workflow: Mapped[str]
    """Its name; empty for one that was given with the job."""
    version: Mapped[int | None]
    definition: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    input: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    running: Mapped[bool]
    stopping: Mapped[str | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    wake_at: Mapped[Moment | None]
    """When it has to be looked at though no job of it ends."""


class WorkflowStep(Base):
    """A step of a run, or one item of its `forEach` (`item` from 0; -1: the step itself). See `core/workflows`."""

    __tablename__ = "workflow_steps"
    __table_args__ = (
        CheckConstraint(f"state IN ({STATES})", name="state"),
        Index("workflow_steps_of_job", "job_id", unique=True, postgresql_where=text("job_id IS NOT NULL")),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("workflow_runs.job_id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    state: Mapped[str]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    result: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    artifacts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    items: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    wake_at: Mapped[Moment | None]
    place: Mapped[int] = mapped_column(server_default="0")
    """It was the n-th to end."""
    asked: Mapped[bool] = mapped_column(server_default="false")
    """Its job was asked to stop."""
    began_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]


class WorkflowEvent(Base):
    """What was said to a run: an event from elsewhere, or a person's answer to a step."""

    __tablename__ = "workflow_events"
    __table_args__ = (Index("workflow_events_of_run", "run_id", "id"),)

    id: Mapped[Id]
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("workflow_runs.job_id", ondelete="CASCADE"))
    kind: Mapped[str]
    """`event` or `answer`."""
    name: Mapped[str]
    """Of the event, or the key of the step that was answered."""
    payload: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    said_by: Mapped[str]
    at: Mapped[CreatedAt]
    taken_at: Mapped[Moment | None]
    """When a step took it. None: none has waited for it yet."""
