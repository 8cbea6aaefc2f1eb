"""An index for lists of one type's jobs.

Revision ID: 0012
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a lock that holds up writers, so outside of a transaction. What an interrupted run left is not valid and
    # has to go first.
    with op.get_context().autocommit_block():
        op.drop_index("jobs_of_type", "jobs", postgresql_concurrently=True, if_exists=True)
        op.create_index(
            "jobs_of_type", "jobs", ["type", "organization_id", sa.text("id DESC")], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("jobs_of_type", "jobs", postgresql_concurrently=True)
