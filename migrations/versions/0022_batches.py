"""Batches: many jobs under one name.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COUNTED = ("completed", "failed", "cancelled")
MOMENTS = ("closed_at", "ended_at", "counted_at", "noted_at", "paced_at", "change_at", "results_at", "look_at")
INDEXES = {
    "batches_of_organization": (["organization_id", sa.text("id DESC")], {}),
    "batches_by_idempotency_key": (
        ["organization_id", "idempotency_key"],
        {"unique": True, "postgresql_where": sa.text("idempotency_key IS NOT NULL")},
    ),
    "batches_changing": (["id"], {"postgresql_where": sa.text("change IS NOT NULL")}),
    "batches_to_look_at": (["look_at"], {"postgresql_where": sa.text("look_at IS NOT NULL")}),
    "batches_of_results": (["results_id"], {"postgresql_where": sa.text("results_id IS NOT NULL")}),
}


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        *(sa.Column(f"{name}_jobs", sa.Integer(), server_default="0", nullable=False) for name in ("total", *COUNTED)),
        *(
            sa.Column(f"{name}_weight", sa.Float(), server_default="0", nullable=False)
            for name in ("total", *COUNTED, "noted", "paced")
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in MOMENTS),
        sa.Column("callbacks", postgresql.JSON(), nullable=False),
        sa.Column("callback_jobs", postgresql.JSON(), nullable=False),
        sa.Column("change", sa.String(), nullable=True),
        sa.Column("change_after", sa.Uuid(), nullable=True),
        sa.Column("change_left", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("change_by", sa.Uuid(), nullable=True),
        sa.Column("change_reason", sa.String(), nullable=True),
        sa.Column("change_cancelled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("results_id", sa.Uuid(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("total_jobs >= 0", name="total_jobs"),
        sa.CheckConstraint("change IN ('cancel', 'retry')", name="change"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("batches_organization_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("batches_user_id_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["change_by"], ["users.id"], name=op.f("batches_change_by_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["results_id"], ["files.id"], name=op.f("batches_results_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("batches_pkey")),
        postgresql_with={"fillfactor": "50"},
        if_not_exists=True,
    )
    for name, (columns, how) in INDEXES.items():
        op.create_index(name, "batches", columns, if_not_exists=True, **how)


def downgrade() -> None:
    op.drop_table("batches")
