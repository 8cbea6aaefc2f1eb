"""first schema

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("organizations_pkey")),
        sa.UniqueConstraint("name", name=op.f("organizations_name_key")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'member')", name=op.f("users_role")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("users_organization_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("email", name=op.f("users_email_key")),
    )
    op.create_index(op.f("users_organization_id"), "users", ["organization_id"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_tokens_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_tokens_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("api_tokens_token_hash_key")),
    )
    op.create_index(op.f("api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="pending", nullable=False),
        sa.Column("data", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("result", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("checkpoint", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("progress_current", sa.Double(), nullable=True),
        sa.Column("progress_total", sa.Double(), nullable=True),
        sa.Column("progress_message", sa.String(), nullable=True),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("allowance", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.Column("cancel_reason", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(status = 'active') = (lease_until IS NOT NULL)", name=op.f("jobs_lease")),
        sa.CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name=op.f("jobs_cancelled_at")),
        sa.CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name=op.f("jobs_completed_at")),
        sa.CheckConstraint("(status = 'failed') = (failed_at IS NOT NULL)", name=op.f("jobs_failed_at")),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'completed', 'failed', 'cancelled')", name=op.f("jobs_status")
        ),
        sa.CheckConstraint("attempts >= 0 AND attempts <= max_attempts", name=op.f("jobs_attempts")),
        sa.ForeignKeyConstraint(
            ["cancelled_by"], ["users.id"], name=op.f("jobs_cancelled_by_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("jobs_organization_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("jobs_user_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
    )
    op.create_index("jobs_active", "jobs", ["id"], unique=False, postgresql_where=sa.text("status = 'active'"))
    op.create_index(
        "jobs_by_idempotency_key",
        "jobs",
        ["organization_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "jobs_for_claim",
        "jobs",
        ["queue", sa.literal_column("priority DESC"), "run_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("jobs_of_organization", "jobs", ["organization_id", sa.literal_column("id DESC")], unique=False)
    op.create_index("jobs_of_user", "jobs", ["user_id", sa.literal_column("id DESC")], unique=False)
    op.create_table(
        "login_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("login_links_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("login_links_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("login_links_token_hash_key")),
    )
    op.create_index(op.f("login_links_user_id"), "login_links", ["user_id"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("files_size")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("files_job_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("files_organization_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("files_user_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("files_pkey")),
    )
    op.create_index("files_of_job", "files", ["job_id"], unique=False, postgresql_where=sa.text("job_id IS NOT NULL"))
    op.create_index("files_of_organization", "files", ["organization_id", "id"], unique=False)
    op.create_table(
        "job_attempts",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("error", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_attempts_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("job_attempts_pkey")),
    )
    op.create_table(
        "job_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_logs_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("job_logs_pkey")),
    )
    op.create_index("job_logs_of_job", "job_logs", ["job_id", "id"], unique=False)
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("job_inputs_file_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("job_inputs_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "file_id", name=op.f("job_inputs_pkey")),
    )
    op.create_index("job_inputs_of_file", "job_inputs", ["file_id"], unique=False)


def downgrade() -> None:
    op.drop_index("job_inputs_of_file", table_name="job_inputs")
    op.drop_table("job_inputs")
    op.drop_index("job_logs_of_job", table_name="job_logs")
    op.drop_table("job_logs")
    op.drop_table("job_attempts")
    op.drop_index("files_of_organization", table_name="files")
    op.drop_index("files_of_job", table_name="files", postgresql_where=sa.text("job_id IS NOT NULL"))
    op.drop_table("files")
    op.drop_index(op.f("login_links_user_id"), table_name="login_links")
    op.drop_table("login_links")
    op.drop_index("jobs_of_user", table_name="jobs")
    op.drop_index("jobs_of_organization", table_name="jobs")
    op.drop_index("jobs_for_claim", table_name="jobs", postgresql_where=sa.text("status = 'pending'"))
    op.drop_index("jobs_by_idempotency_key", table_name="jobs", postgresql_where=sa.text("idempotency_key IS NOT NULL"))
    op.drop_index("jobs_active", table_name="jobs", postgresql_where=sa.text("status = 'active'"))
    op.drop_table("jobs")
    op.drop_index(op.f("api_tokens_user_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_index(op.f("users_organization_id"), table_name="users")
    op.drop_table("users")
    op.drop_table("organizations")
