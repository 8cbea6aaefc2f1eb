"""login sessions

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("login_sessions_user_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("login_sessions_pkey")),
    )
    op.create_index(op.f("login_sessions_user_id"), "login_sessions", ["user_id"], unique=False)
    op.create_index(op.f("login_sessions_expires_at"), "login_sessions", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("login_sessions_expires_at"), table_name="login_sessions")
    op.drop_index(op.f("login_sessions_user_id"), table_name="login_sessions")
    op.drop_table("login_sessions")
