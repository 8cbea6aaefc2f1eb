"""Notifications: channels, rules, words, what is to be said, and what was sent.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KINDS = "'email', 'apprise', 'webhook', 'browser'"
OCCASIONS = "'completed', 'failed', 'cancelled', 'waiting-long', 'running-long'"
PENDING = sa.text("state = 'pending'")
DUE = sa.text("next_at IS NOT NULL AND disabled_at IS NULL")
UNSENT = sa.text("delivery_id IS NULL")
# As before, and jobs of whose end a rule tells. First it is looked whether there is any rule, then once for each
# organisation, user and state of the statement: where there is none, that is all.
RULED = """EXISTS (SELECT FROM notification_rules AS rule
      WHERE rule.organization_id = {job}.organization_id AND rule.enabled AND {job}.status = ANY(rule.events)
        AND (rule.user_id IS NULL OR rule.user_id = {job}.user_id OR rule.schedule_id IS NOT NULL))"""
TELL = """
CREATE OR REPLACE FUNCTION tell_updated_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE ruled boolean;
BEGIN
  SELECT EXISTS (SELECT FROM notification_rules WHERE enabled) AND EXISTS (
    SELECT FROM (
      SELECT DISTINCT organization_id, user_id, status FROM new_jobs
      WHERE status IN ('completed', 'failed', 'cancelled')
    ) AS ending
    WHERE RULED(ending)
  ) INTO ruled;
  IF ruled OR EXISTS (SELECT FROM new_jobs WHERE followed OR batch_id IS NOT NULL) THEN
    INSERT INTO job_outbox (kind, organization_id, job_id, user_id, type, batch_id, weight, was, status)
    SELECT CASE WHEN job.status IN ('completed', 'failed', 'cancelled') THEN 'ended' ELSE 'reopened' END,
      job.organization_id, job.id, job.user_id, job.type, job.batch_id, job.weight, before.status, job.status
    FROM new_jobs AS job JOIN old_jobs AS before ON before.id = job.id
    WHERE job.status <> before.status AND CASE
      WHEN job.followed OR job.batch_id IS NOT NULL THEN
        job.status IN ('completed', 'failed', 'cancelled') OR before.status IN ('completed', 'failed', 'cancelled')
      ELSE ruled AND job.status IN ('completed', 'failed', 'cancelled') AND RULED(job)
    END;
    IF FOUND THEN
      PERFORM pg_notify('jobsapp_outbox', '');
    END IF;
  END IF;
  RETURN NULL;
END $$
"""
for job in ("ending", "job"):
    TELL = TELL.replace(f"RULED({job})", RULED.replace("{job}", job))
TOLD_BEFORE = """
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
LONG = sa.text("enabled AND events && ARRAY['waiting-long', 'running-long']")


def upgrade() -> None:
    _make_channels()
    _make_rules()
    op.create_table(
        "notification_templates",
        _id("organization_id"),
        *(sa.Column(name, sa.String()) for name in ("subject", "text", "digest_subject", "digest_text")),
        _moment("updated_at"),
        _reference("notification_templates", "organization_id", "organizations"),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("notification_templates_pkey")),
    )
    _make_deliveries()
    _make_notifications()
    op.execute(TELL)


def downgrade() -> None:
    op.execute(TOLD_BEFORE)
    for table in ("notifications", "deliveries", "notification_templates", "notification_rules"):
        op.drop_table(table)
    op.drop_table("notification_channels")


def _make_channels() -> None:
    table = "notification_channels"
    op.create_table(
        table,
        _id("id"),
        _id("organization_id"),
        _id("user_id", nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("kind", "name", "settings", "shown")),
        _id("created_by", nullable=True),
        _moment("created_at"),
        _moment("disabled_at", default=None),
        sa.Column("disabled_reason", sa.String()),
        _whole("failures", 0),
        _moment("failing_since", default=None),
        sa.Column("last_error", sa.String()),
        _moment("last_at", default=None),
        _flag("slow", "false"),
        _moment("next_at", default=None),
        _moment("busy_until", default=None),
        _moment("calm_until", default=None),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f(f"{table}_kind")),
        _reference(table, "organization_id", "organizations"),
        _reference(table, "created_by", "users", ondelete="SET NULL"),
        _membership(table),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey")),
    )
    op.create_index("notification_channels_of", table, ["organization_id", "user_id"])
    op.create_index("notification_channels_due", table, ["next_at"], postgresql_where=DUE)


def _make_rules() -> None:
    table = "notification_rules"
    op.create_table(
        table,
        *(_id(name) for name in ("id", "organization_id")),
        _id("user_id", nullable=True),
        _id("channel_id"),
        _id("schedule_id", nullable=True),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        _whole("waiting_seconds", 600),
        _whole("running_seconds", 3600),
        _whole("digest_minutes", 0),
        _whole("digest_above", 10),
        sa.Column("quiet_from", sa.Time()),
        sa.Column("quiet_until", sa.Time()),
        sa.Column("zone", sa.String(), server_default="UTC", nullable=False),
        _flag("failures_through", "false"),
        _flag("enabled", "true"),
        _moment("created_at"),
        _moment("looked_at"),
        _moment("waiting_at", default=None),
        _id("waiting_id", nullable=True),
        sa.CheckConstraint(f"cardinality(events) > 0 AND events <@ ARRAY[{OCCASIONS}]", name=op.f(f"{table}_events")),
        sa.CheckConstraint("digest_minutes BETWEEN 0 AND 10080", name=op.f(f"{table}_digest_minutes")),
        sa.CheckConstraint("digest_above BETWEEN 1 AND 1000", name=op.f(f"{table}_digest_above")),
        sa.CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name=op.f(f"{table}_quiet")),
        _reference(table, "organization_id", "organizations"),
        _reference(table, "channel_id", "notification_channels"),
        _membership(table),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey")),
    )
    in_force = sa.text("enabled")
    op.create_index("notification_rules_in_force", table, ["organization_id", "user_id"], postgresql_where=in_force)
    op.create_index("notification_rules_of_channel", table, ["channel_id"])
    op.create_index("notification_rules_of_long", table, ["looked_at"], postgresql_where=LONG)


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        *(_id(name) for name in ("id", "organization_id", "channel_id")),
        sa.Column("occasion", sa.String(), nullable=False),
        _id("job_id", nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("html", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), server_default="pending", nullable=False),
        _whole("attempts", 0),
        _moment("next_at"),
        sa.Column("tries", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        _moment("created_at"),
        _moment("delivered_at", default=None),
        _id("replay_of", nullable=True),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("deliveries_state")),
        _reference("deliveries", "organization_id", "organizations"),
        _reference("deliveries", "channel_id", "notification_channels"),
        sa.PrimaryKeyConstraint("id", name=op.f("deliveries_pkey")),
    )
    op.create_index("deliveries_due", "deliveries", ["channel_id", "next_at", "id"], postgresql_where=PENDING)
    op.create_index("deliveries_of_channel", "deliveries", ["channel_id", sa.text("id DESC")])
    failed = sa.text("state = 'failed'")
    op.create_index("deliveries_failed", "deliveries", ["channel_id", sa.text("id DESC")], postgresql_where=failed)


def _make_notifications() -> None:
    table = "notifications"
    op.create_table(
        table,
        *(_id(name) for name in ("id", "organization_id", "rule_id", "channel_id", "job_id")),
        sa.Column("occasion", sa.String(), nullable=False),
        _moment("once", default=None, nullable=False),
        sa.Column("facts", postgresql.JSON(), nullable=False),
        _moment("due_at", default=None, nullable=False),
        sa.Column("gathers", sa.Boolean(), nullable=False),
        _id("delivery_id", nullable=True),
        _reference(table, "organization_id", "organizations"),
        _reference(table, "rule_id", "notification_rules"),
        _reference(table, "channel_id", "notification_channels"),
        _reference(table, "delivery_id", "deliveries"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey")),
    )
    op.create_index("notifications_due", table, ["due_at"], postgresql_where=UNSENT)
    op.create_index("notifications_waiting", table, ["channel_id", "rule_id", "due_at"], postgresql_where=UNSENT)
    op.create_index("notifications_once", table, ["channel_id", "job_id", "occasion", "once"], unique=True)
    op.create_index("notifications_of_rule", table, ["rule_id"])
    op.create_index("notifications_of_delivery", table, ["delivery_id"])


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _whole(name: str, default: int) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), server_default=str(default), nullable=False)


def _flag(name: str, default: str) -> sa.Column[object]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text(default), nullable=False)


def _moment(name: str, *, default: str | None = "now()", nullable: bool = True) -> sa.Column[object]:
    said = None if default is None else sa.text(default)
    return sa.Column(name, sa.DateTime(timezone=True), server_default=said, nullable=nullable and default is None)


def _reference(table: str, column: str, to: str, *, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"{table}_{column}_fkey"), ondelete=ondelete)


def _membership(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id", "organization_id"],
        ["memberships.user_id", "memberships.organization_id"],
        name=op.f(f"{table}_user_id_organization_id_fkey"),
        ondelete="CASCADE",
    )
