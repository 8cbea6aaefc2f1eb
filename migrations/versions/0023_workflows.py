"""Workflows: their versions, their runs with the state of each step, and what is said to those from outside.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STATES = "'pending', 'waiting', 'running', 'completed', 'failed', 'cancelled', 'skipped', 'undone'"


def upgrade() -> None:
    _make_workflows()
    _make_runs()
    _make_steps()
    _make_events()


def downgrade() -> None:
    for table in ("workflow_events", "workflow_steps", "workflow_runs", "workflows"):
        op.drop_table(table)


def _moment(name: str, *, now: bool = False) -> sa.Column[sa.DateTime]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _json(name: str, *, nullable: bool = True) -> sa.Column[sa.JSON]:
    return sa.Column(name, JSON(), nullable=nullable)


def _key(column: str, target: str, table: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"{table}_{column}_fkey"), ondelete=ondelete)


def _make_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        _json("definition", nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        _moment("created_at", now=True),
        _key("organization_id", "organizations.id", "workflows"),
        _key("user_id", "users.id", "workflows", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("workflows_pkey")),
        if_not_exists=True,
    )
    columns = ["organization_id", "name"]
    op.create_index("workflows_by_version", "workflows", [*columns, "version"], unique=True, if_not_exists=True)
    newest = sa.text("newest")
    op.create_index("workflows_newest", "workflows", columns, unique=True, postgresql_where=newest, if_not_exists=True)


def _make_runs() -> None:
    op.create_table(
        "workflow_runs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("workflow", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        _json("definition", nullable=False),
        _json("input", nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("stopping", sa.String(), nullable=True),
        _json("error"),
        _moment("wake_at"),
        _key("job_id", "jobs.id", "workflow_runs", "CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("workflow_runs_pkey")),
        if_not_exists=True,
    )
    due, running = sa.text("running AND wake_at IS NOT NULL"), sa.text("running")
    op.create_index("workflow_runs_to_wake", "workflow_runs", ["wake_at"], postgresql_where=due, if_not_exists=True)
    op.create_index("workflow_runs_running", "workflow_runs", ["job_id"], postgresql_where=running, if_not_exists=True)
    columns = ["organization_id", "workflow", sa.text("job_id DESC")]
    op.create_index("workflow_runs_of_workflow", "workflow_runs", columns, if_not_exists=True)


def _make_steps() -> None:
    op.create_table(
        "workflow_steps",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        _json("result"),
        _json("artifacts"),
        _json("error"),
        _json("items"),
        _moment("wake_at"),
        sa.Column("place", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked", sa.Boolean(), server_default="false", nullable=False),
        _moment("began_at"),
        _moment("ended_at"),
        _key("run_id", "workflow_runs.job_id", "workflow_steps", "CASCADE"),
        _key("job_id", "jobs.id", "workflow_steps", "SET NULL"),
        sa.PrimaryKeyConstraint("run_id", "key", "item", name=op.f("workflow_steps_pkey")),
        sa.CheckConstraint(f"state IN ({STATES})", name="state"),
        if_not_exists=True,
    )
    has_job = sa.text("job_id IS NOT NULL")
    op.create_index(
        "workflow_steps_of_job", "workflow_steps", ["job_id"], unique=True, postgresql_where=has_job, if_not_exists=True
    )


def _make_events() -> None:
    op.create_table(
        "workflow_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        _json("payload"),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("said_by", sa.String(), nullable=False),
        _moment("at", now=True),
        _moment("taken_at"),
        _key("run_id", "workflow_runs.job_id", "workflow_events", "CASCADE"),
        _key("user_id", "users.id", "workflow_events", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("workflow_events_pkey")),
        if_not_exists=True,
    )
    op.create_index("workflow_events_of_run", "workflow_events", ["run_id", "id"], if_not_exists=True)
