"""Tokens have scopes and say from where they were used; a log of who did what that only grows.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SCOPES = "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'jobs', 'operate', 'admin']"
# Deleting is for retention alone, which says so for its own transaction.
STAY = """
CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('jobsapp.audit_retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit_events only grows: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    # What was made before could do all that its owner may, and still can.
    op.add_column("api_tokens", sa.Column("scopes", sa.ARRAY(sa.Text()), server_default="{admin}", nullable=False))
    op.alter_column("api_tokens", "scopes", server_default=None)
    op.create_check_constraint(op.f("api_tokens_scopes"), "api_tokens", SCOPES)
    op.add_column("api_tokens", sa.Column("last_used_address", sa.Text(), nullable=True))
    op.add_column("api_tokens", sa.Column("revoked_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("api_tokens_revoked_by_fkey"), "api_tokens", "users", ["revoked_by"], ["id"], ondelete="SET NULL"
    )
    op.create_index("api_tokens_of_user", "api_tokens", ["user_id", sa.text("id DESC")])
    op.drop_index(op.f("api_tokens_user_id"), table_name="api_tokens")
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("subject_name", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_events_pkey")),
    )
    op.create_index("audit_events_of_organization", "audit_events", ["organization_id", sa.text("id DESC")])
    op.execute(STAY)
    op.execute(
        "CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON audit_events"
        " FOR EACH ROW EXECUTE FUNCTION audit_events_stay()"
    )
    op.execute(
        "CREATE TRIGGER audit_events_stay_all BEFORE TRUNCATE ON audit_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay()"
    )


def downgrade() -> None:
    op.drop_table("audit_events")
    op.execute("DROP FUNCTION audit_events_stay()")
    op.create_index(op.f("api_tokens_user_id"), "api_tokens", ["user_id"])
    op.drop_index("api_tokens_of_user", table_name="api_tokens")
    op.drop_constraint(op.f("api_tokens_revoked_by_fkey"), "api_tokens", type_="foreignkey")
    op.drop_column("api_tokens", "revoked_by")
    op.drop_column("api_tokens", "last_used_address")
    op.drop_constraint(op.f("api_tokens_scopes"), "api_tokens", type_="check")
    op.drop_column("api_tokens", "scopes")
