"""Which stored files the jobs of a schedule read, so that no cleanup deletes them.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# What looks like an id in the data of a schedule and is one of a file of its organisation.
KNOWN = """
INSERT INTO schedule_inputs (schedule_id, file_id, organization_id)
SELECT DISTINCT schedules.id, files.id, schedules.organization_id FROM schedules
CROSS JOIN LATERAL regexp_matches(
  schedules.data::text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') AS named (id)
JOIN files ON files.id = named.id[1]::uuid AND files.organization_id = schedules.organization_id
"""


def upgrade() -> None:
    op.create_table(
        "schedule_inputs",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("schedule_inputs_file_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("schedule_inputs_organization_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("schedule_inputs_schedule_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "file_id", name=op.f("schedule_inputs_pkey")),
    )
    op.create_index("schedule_inputs_of_file", "schedule_inputs", ["file_id"])
    op.execute(KNOWN)


def downgrade() -> None:
    op.drop_table("schedule_inputs")
