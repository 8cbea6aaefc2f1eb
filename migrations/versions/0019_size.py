"""An index for lists of one queue's jobs.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa

from jobsapp.store.migrating import create_index, drop_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("jobs_of_queue", "jobs", ["queue", "organization_id", sa.text("id DESC")])


def downgrade() -> None:
    drop_index("jobs_of_queue", "jobs")
