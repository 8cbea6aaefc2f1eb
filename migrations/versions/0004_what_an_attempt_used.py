"""What an attempt used; attempts are written when they end.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_attempts", sa.Column("cpu_seconds", sa.Float(), nullable=True))
    op.add_column("job_attempts", sa.Column("peak_bytes", sa.BigInteger(), nullable=True))
    op.execute("DELETE FROM job_attempts WHERE ended_at IS NULL")


def downgrade() -> None:
    op.drop_column("job_attempts", "peak_bytes")
    op.drop_column("job_attempts", "cpu_seconds")
