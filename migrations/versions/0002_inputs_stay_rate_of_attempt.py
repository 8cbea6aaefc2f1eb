"""a file that a job reads cannot be deleted; where an attempt's progress began

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = "job_inputs_file_id_fkey"


def upgrade() -> None:
    op.drop_constraint(KEY, "job_inputs", type_="foreignkey")
    op.create_foreign_key(KEY, "job_inputs", "files", ["file_id"], ["id"])
    op.add_column("jobs", sa.Column("progress_base", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("progress_base_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "progress_base_at")
    op.drop_column("jobs", "progress_base")
    op.drop_constraint(KEY, "job_inputs", type_="foreignkey")
    op.create_foreign_key(KEY, "job_inputs", "files", ["file_id"], ["id"], ondelete="CASCADE")
