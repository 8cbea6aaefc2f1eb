"""How many runs of a workflow go on is counted without looking at those that are over.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa

from jobsapp.store.migrating import create_index, drop_index

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NAME, COLUMNS = "workflow_runs_running_of_workflow", ["organization_id", "workflow"]


def upgrade() -> None:
    create_index(NAME, "workflow_runs", COLUMNS, postgresql_where=sa.text("running"))


def downgrade() -> None:
    drop_index(NAME, "workflow_runs")
