"""What waits and who works in tables of their own; queues, limits; what a job says of its time.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TO_QUEUE = """
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
SELECT id, queue, -priority, organization_id, type, run_at, run_at <= now() FROM jobs WHERE status = 'pending'
"""
TO_LEASES = """
INSERT INTO worker_leases (worker, lease_until, job_ids)
SELECT worker, max(lease_until), array_agg(id) FROM jobs WHERE status = 'active' GROUP BY worker
"""
FROM_LEASES = "UPDATE jobs SET lease_until = now() WHERE status = 'active'"
# 128 ids are 2 kB: no row of them shall be packed or put elsewhere, since it is written with every batch.
PLAIN = "ALTER TABLE worker_leases ALTER COLUMN job_ids SET STORAGE PLAIN"
COMPLETED = """
UPDATE jobs SET cpu_seconds = made.cpu_seconds, peak_bytes = made.peak_bytes FROM job_attempts AS made
WHERE made.job_id = jobs.id AND made.number = jobs.attempts AND made.outcome = 'completed'
"""


def upgrade() -> None:
    for column in (
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=True),
        sa.Column("timeout_seconds", sa.Double(), nullable=True),
        sa.Column("retry", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("jobs", column)
    _make_queue_and_leases()
    _make_queues_and_limits()
    op.execute(TO_QUEUE)
    op.execute(TO_LEASES)
    op.execute(COMPLETED)
    op.execute("DELETE FROM job_attempts WHERE outcome = 'completed'")
    op.drop_index("jobs_for_claim", table_name="jobs")
    op.drop_index("jobs_active", table_name="jobs")
    op.drop_constraint(op.f("jobs_lease"), "jobs", type_="check")
    op.drop_column("jobs", "lease_until")
    op.create_check_constraint(op.f("jobs_worker"), "jobs", "status <> 'active' OR worker IS NOT NULL")
    op.execute("ALTER TABLE jobs SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE jobs RESET (fillfactor)")
    op.drop_constraint(op.f("jobs_worker"), "jobs", type_="check")
    op.add_column("jobs", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(FROM_LEASES)
    op.create_check_constraint(op.f("jobs_lease"), "jobs", "(status = 'active') = (lease_until IS NOT NULL)")
    op.create_index("jobs_active", "jobs", ["id"], postgresql_where=sa.text("status = 'active'"))
    op.create_index(
        "jobs_for_claim",
        "jobs",
        ["queue", sa.literal_column("priority DESC"), "run_at", "id"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    for table in ("limit_starts", "limits", "queues", "worker_leases", "job_queue"):
        op.drop_table(table)
    for column in ("expires_at", "retry", "timeout_seconds", "peak_bytes", "cpu_seconds"):
        op.drop_column("jobs", column)


def _make_queue_and_leases() -> None:
    op.create_table(
        "job_queue",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_queue_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("job_queue_pkey")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "10000"},
    )
    op.create_index(
        "job_queue_for_claim",
        "job_queue",
        ["queue", "urgency", "organization_id", "run_at", "job_id"],
        postgresql_where=sa.text("due"),
    )
    op.create_index("job_queue_scheduled", "job_queue", ["run_at"], postgresql_where=sa.text("NOT due"))
    op.create_index(
        "job_queue_expiring", "job_queue", ["expires_at"], postgresql_where=sa.text("expires_at IS NOT NULL")
    )
    op.create_table(
        "worker_leases",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("worker_leases_pkey")),
        postgresql_with={"fillfactor": "10"},
    )
    op.execute(PLAIN)


def _make_queues_and_limits() -> None:
    op.create_table(
        "queues",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Uuid(), nullable=True),
        sa.Column("pause_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["paused_by"], ["users.id"], name=op.f("queues_paused_by_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("name", name=op.f("queues_pkey")),
    )
    op.create_table(
        "limits",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("max_active", sa.Integer(), nullable=True),
        sa.Column("max_starts", sa.Integer(), nullable=True),
        sa.Column("period_seconds", sa.Double(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("scope IN ('queue', 'type', 'organization')", name=op.f("limits_scope")),
        sa.CheckConstraint("max_active >= 1", name=op.f("limits_max_active")),
        sa.CheckConstraint("max_starts >= 1 AND period_seconds > 0", name=op.f("limits_max_starts")),
        sa.CheckConstraint("(max_starts IS NULL) = (period_seconds IS NULL)", name=op.f("limits_period")),
        sa.CheckConstraint("max_active IS NOT NULL OR max_starts IS NOT NULL", name=op.f("limits_something")),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("limits_pkey")),
    )
    op.create_table(
        "limit_starts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("limit_starts_pkey")),
    )
    op.create_index("limit_starts_of_key", "limit_starts", ["scope", "key", "at"])
