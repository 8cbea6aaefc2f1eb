"""Schedules, which create jobs at certain times, and what came of each time.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("declared", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("data", sa.dialects.postgresql.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=True),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        *_timing(),
        _moment("next_run_at"),
        _moment("fire_at"),
        _moment("last_run_at"),
        sa.Column("last_job_id", sa.Uuid(), nullable=True),
        sa.Column("runs", sa.BigInteger(), server_default="0", nullable=False),
        _moment("paused_at"),
        sa.Column("paused_by", sa.Uuid(), nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=True),
        _moment("ended_at"),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint("(cron IS NULL) <> (every_seconds IS NULL)", name=op.f("schedules_timing")),
        sa.CheckConstraint("missed IN ('skip', 'once', 'all')", name=op.f("schedules_missed")),
        sa.CheckConstraint("overlap IN ('skip', 'queue', 'cancel', 'allow')", name=op.f("schedules_overlap")),
        sa.CheckConstraint("(next_run_at IS NULL) = (fire_at IS NULL)", name=op.f("schedules_next_run_at")),
        sa.CheckConstraint(
            "next_run_at IS NULL OR (paused_at IS NULL AND ended_at IS NULL)", name=op.f("schedules_waits")
        ),
        sa.CheckConstraint("(user_id IS NULL) = (declared IS NOT NULL)", name=op.f("schedules_owner")),
        *_keys("schedules", organization_id="CASCADE", user_id="CASCADE", paused_by="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("schedules_pkey")),
    )
    op.create_index("schedules_due", "schedules", ["fire_at"], postgresql_where=sa.text("fire_at IS NOT NULL"))
    op.create_index("schedules_of_organization", "schedules", ["organization_id", sa.text("id DESC")])
    op.create_index("schedules_of_user", "schedules", ["user_id"])
    declared = sa.text("declared IS NOT NULL")
    op.create_index(
        "schedules_declared", "schedules", ["organization_id", "declared"], unique=True, postgresql_where=declared
    )
    _make_runs()


def downgrade() -> None:
    op.drop_table("schedule_runs")
    op.drop_table("schedules")


def _timing() -> list[sa.Column[object]]:
    return [
        sa.Column("cron", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=True),
        _moment("anchor"),
        _moment("ends_at"),
        sa.Column("jitter_seconds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed", sa.String(), nullable=False),
        sa.Column("missed_limit", sa.Integer(), nullable=False),
        sa.Column("overlap", sa.String(), nullable=False),
    ]


def _make_runs() -> None:
    op.create_table(
        "schedule_runs",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _now("made_at"),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("missed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed_is_more", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("outcome IN ('created', 'missed', 'overlapped')", name=op.f("schedule_runs_outcome")),
        sa.CheckConstraint("outcome = 'created' OR job_id IS NULL", name=op.f("schedule_runs_job")),
        *_keys("schedule_runs", schedule_id="CASCADE", organization_id="CASCADE", job_id="SET NULL"),
        *_keys("schedule_runs", asked_by="SET NULL"),
        sa.PrimaryKeyConstraint("schedule_id", "run_at", name=op.f("schedule_runs_pkey")),
    )
    op.create_index("schedule_runs_of_job", "schedule_runs", ["job_id"])


def _keys(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    """Foreign keys, and what happens when the row that they name is deleted."""
    tables = {"organization_id": "organizations", "schedule_id": "schedules", "job_id": "jobs"}
    return [
        sa.ForeignKeyConstraint(
            [column], [f"{tables.get(column, 'users')}.id"], name=op.f(f"{table}_{column}_fkey"), ondelete=ondelete
        )
        for column, ondelete in columns.items()
    ]


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
