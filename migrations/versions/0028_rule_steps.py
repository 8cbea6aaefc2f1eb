"""A job knows whether it is of a step of a workflow, and a rule whether it tells of such.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("of_workflow", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    # The rules that there are go on telling what they told. To new ones a step that runs now is a job like any other.
    rules = sa.Column("without_steps", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("notification_rules", rules)
    op.alter_column("notification_rules", "without_steps", server_default=sa.text("true"))


def downgrade() -> None:
    op.drop_column("notification_rules", "without_steps")
    op.drop_column("jobs", "of_workflow")
