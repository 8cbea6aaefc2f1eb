"""How long jobs and uploads are kept, what the pruning did, and archives.

Revision ID: 0017
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_rules",
        *_key("retention_rules", "scope", sa.Column("type", sa.String(), server_default="", nullable=False)),
        sa.Column("status", sa.String(), server_default="", nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("archive", sa.String(), server_default="", nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        _moment("updated_at"),
        sa.CheckConstraint("scope IN ('jobs', 'uploads')", name=op.f("retention_rules_scope")),
        sa.CheckConstraint("status IN ('', 'completed', 'failed', 'cancelled')", name=op.f("retention_rules_status")),
        sa.CheckConstraint("days BETWEEN 1 AND 36500", name=op.f("retention_rules_days")),
        sa.CheckConstraint("archive IN ('', 'jsonl', 'parquet')", name=op.f("retention_rules_archive")),
        sa.CheckConstraint(
            "scope = 'jobs' OR (type = '' AND status = '' AND archive = '')", name=op.f("retention_rules_uploads")
        ),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["users.id"], name=op.f("retention_rules_updated_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("organization_id", "scope", "type", "status", name=op.f("retention_rules_pkey")),
    )
    op.create_table(
        "retention_walks",
        *_key("retention_walks", "scope", "type", "status"),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("position", sa.Uuid(), nullable=True),
        _moment("round_at"),
        _moment("due_at"),
        sa.PrimaryKeyConstraint("organization_id", "scope", "type", "status", name=op.f("retention_walks_pkey")),
    )
    op.create_index("retention_walks_due", "retention_walks", ["due_at"])
    op.create_table(
        "retention_runs",
        *_key("retention_runs", sa.Column("day", sa.Date(), nullable=False), "scope", "type", "status"),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("archives", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", "scope", "type", "status", name=op.f("retention_runs_pkey")),
    )
    op.create_index("retention_runs_by_day", "retention_runs", ["day"])
    _make_archives()


def downgrade() -> None:
    for table in ("archives", "retention_runs", "retention_walks", "retention_rules"):
        op.drop_table(table)


def _key(table: str, *columns: str | sa.Column[object]) -> list[sa.Column[object] | sa.ForeignKeyConstraint]:
    """The organisation, which takes the row with it, and further columns of the key."""
    named = [sa.Column(one, sa.String(), nullable=False) if isinstance(one, str) else one for one in columns]
    name = op.f(f"{table}_organization_id_fkey")
    return [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=name, ondelete="CASCADE"),
        *named,
    ]


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _make_archives() -> None:
    op.create_table(
        "archives",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        _moment("created_at"),
        sa.CheckConstraint("format IN ('jsonl', 'parquet')", name=op.f("archives_format")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("archives_organization_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("archives_pkey")),
    )
    op.create_index("archives_of_organization", "archives", ["organization_id", sa.text("id DESC")])
    op.create_index("archives_by_jobs", "archives", ["organization_id", "first_id", "last_id", "format"], unique=True)
