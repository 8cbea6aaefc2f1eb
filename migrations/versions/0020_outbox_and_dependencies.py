"""What follows from the end of a job: an outbox, and jobs that wait for others.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SHORT_LIVED = {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "5000"}

# A statement that moves nobody who is followed pays for one look at each of its rows.
TELL = """
CREATE OR REPLACE FUNCTION tell_updated_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM new_jobs WHERE followed OR batch_id IS NOT NULL) THEN
    INSERT INTO job_outbox (kind, organization_id, job_id, user_id, type, batch_id, weight, was, status)
    SELECT CASE WHEN job.status IN ('completed', 'failed', 'cancelled') THEN 'ended' ELSE 'reopened' END,
      job.organization_id, job.id, job.user_id, job.type, job.batch_id, job.weight, before.status, job.status
    FROM new_jobs AS job JOIN old_jobs AS before ON before.id = job.id
    WHERE (job.followed OR job.batch_id IS NOT NULL) AND job.status <> before.status
      AND (
        job.status IN ('completed', 'failed', 'cancelled') OR before.status IN ('completed', 'failed', 'cancelled')
      );
    IF FOUND THEN
      PERFORM pg_notify('jobsapp_outbox', '');
    END IF;
  END IF;
  RETURN NULL;
END $$
"""
TRIGGER = """CREATE OR REPLACE TRIGGER tell_updated AFTER UPDATE ON jobs
REFERENCING OLD TABLE AS old_jobs NEW TABLE AS new_jobs FOR EACH STATEMENT EXECUTE FUNCTION tell_updated_jobs()"""


def upgrade() -> None:
    op.add_column("jobs", sa.Column("followed", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("jobs", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("weight", sa.Float(), nullable=True))
    op.add_column("jobs", sa.Column("depends_on_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("job_queue", sa.Column("blockers", sa.Integer(), server_default="0", nullable=False))
    _make_outbox()
    _make_dependencies()
    op.execute(TELL)
    op.execute(TRIGGER)
    with op.get_context().autocommit_block():
        for name in ("jobs_of_batch", "job_queue_timed"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("CREATE INDEX CONCURRENTLY jobs_of_batch ON jobs (batch_id, id DESC) WHERE batch_id IS NOT NULL")
        op.execute("CREATE INDEX CONCURRENTLY job_queue_timed ON job_queue (run_at) WHERE NOT due AND blockers = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS job_queue_scheduled")


def downgrade() -> None:
    op.create_index("job_queue_scheduled", "job_queue", ["run_at"], postgresql_where=sa.text("NOT due"))
    op.drop_index("job_queue_timed", "job_queue")
    op.drop_index("jobs_of_batch", "jobs")
    op.execute("DROP TRIGGER tell_updated ON jobs")
    op.execute("DROP FUNCTION tell_updated_jobs()")
    op.drop_table("job_dependencies")
    op.drop_table("job_outbox")
    op.drop_column("job_queue", "blockers")
    for name in ("depends_on_count", "weight", "batch_id", "followed"):
        op.drop_column("jobs", name)


def _make_outbox() -> None:
    op.create_table(
        "job_outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("weight", sa.Float(), nullable=True),
        sa.Column("was", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("job_outbox_pkey")),
        postgresql_with=SHORT_LIVED,
        if_not_exists=True,
    )
    op.create_index(
        "job_outbox_of_batch",
        "job_outbox",
        ["batch_id"],
        postgresql_where=sa.text("batch_id IS NOT NULL"),
        if_not_exists=True,
    )


def _make_dependencies() -> None:
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("on_failure", sa.String(), nullable=False),
        sa.Column("settled", sa.String(), nullable=True),
        sa.Column("decisive", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_dependencies_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "parent_id", name=op.f("job_dependencies_pkey")),
        sa.CheckConstraint("on_failure IN ('cancel', 'fail', 'continue')", name="on_failure"),
        if_not_exists=True,
    )
    op.create_index("job_dependencies_of_parent", "job_dependencies", ["parent_id", "job_id"], if_not_exists=True)
    op.create_index(
        "job_dependencies_unsettled",
        "job_dependencies",
        ["parent_id"],
        postgresql_where=sa.text("settled IS NULL"),
        if_not_exists=True,
    )
