"""Tokens that open one job.

Revision ID: 0010
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('embed', 'share')", name=op.f("job_tokens_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("job_tokens_organization_id_fkey")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_tokens_job_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("job_tokens_created_by_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("job_tokens_pkey")),
        sa.UniqueConstraint("secret_hash", name=op.f("job_tokens_secret_hash_key")),
    )
    op.create_index("job_tokens_of_job", "job_tokens", ["job_id", "kind", "id"])
    op.create_index(op.f("job_tokens_created_by"), "job_tokens", ["created_by"])
    op.create_index(op.f("job_tokens_expires_at"), "job_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("job_tokens")
