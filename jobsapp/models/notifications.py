"""Who is told of what and how, what is to be said, and what was sent."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.core.notifications import Kind, Occasion
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment
from jobsapp.models.identity import of_membership

KINDS = ", ".join(f"'{kind}'" for kind in Kind)
OCCASIONS = ", ".join(f"'{occasion}'" for occasion in Occasion)


class NotificationChannel(Base):
    """A way to people or programs. `user_id` None: the organisation's. It ends with the membership of its user.

    `settings`: sealed, bound to the id (`core/sealing.py`); `shown`: where it leads, without secrets.
    `next_at`: when there is something to send; `busy_until`: somebody sends until then at most; `calm_until`: its
    receiver is left alone after it failed; `slow`: it takes long, or fails, so that it has senders of its own.
    `failures`: failed tries in a row, since `failing_since`.
    """

    __tablename__ = "notification_channels"
    __table_args__ = (
        of_membership(),
        CheckConstraint(f"kind IN ({KINDS})", name="kind"),
        Index("notification_channels_of", "organization_id", "user_id"),
        Index(
            "notification_channels_due",
            "next_at",
            postgresql_where=text("next_at IS NOT NULL AND disabled_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    kind: Mapped[str]
    name: Mapped[str]
    settings: Mapped[str]
    shown: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[Moment | None]
    disabled_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[Moment | None]
    last_error: Mapped[str | None]
    last_at: Mapped[Moment | None]
    slow: Mapped[bool] = mapped_column(server_default=text("false"))
    next_at: Mapped[Moment | None]
    busy_until: Mapped[Moment | None]
    calm_until: Mapped[Moment | None]


class NotificationRule(Base):
    """What is told by a channel. `user_id` None: of the organisation's jobs; `schedule_id`: of one schedule's.

    `looked_at`: when those that wait or run long were last looked for. `waiting_at`, `waiting_id`: the last one that
    waited long and was looked at, by its time and its id.
    """

    __tablename__ = "notification_rules"
    __table_args__ = (
        of_membership(),
        CheckConstraint(f"cardinality(events) > 0 AND events <@ ARRAY[{OCCASIONS}]", name="events"),
        CheckConstraint("digest_minutes BETWEEN 0 AND 10080", name="digest_minutes"),
        CheckConstraint("digest_above BETWEEN 1 AND 1000", name="digest_above"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet"),
        Index("notification_rules_in_force", "organization_id", "user_id", postgresql_where=text("enabled")),
        Index("notification_rules_of_channel", "channel_id"),
        Index(
            "notification_rules_of_long",
            "looked_at",
            postgresql_where=text("enabled AND events && ARRAY['waiting-long', 'running-long']"),
        ),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("notification_channels.id", ondelete="CASCADE"))
    schedule_id: Mapped[UUID | None]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    waiting_seconds: Mapped[int] = mapped_column(server_default="600")
    running_seconds: Mapped[int] = mapped_column(server_default="3600")
    digest_minutes: Mapped[int] = mapped_column(server_default="0")
    digest_above: Mapped[int] = mapped_column(server_default="10")
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    zone: Mapped[str] = mapped_column(server_default="UTC")
    failures_through: Mapped[bool] = mapped_column(server_default=text("false"))
    without_steps: Mapped[bool] = mapped_column(server_default=text("true"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]
    looked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    waiting_at: Mapped[Moment | None]
    waiting_id: Mapped[UUID | None]


class NotificationTemplate(Base):
    """The words of an organisation's messages; None: those that come with jobsapp."""

    __tablename__ = "notification_templates"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str | None]
    text: Mapped[str | None]
    digest_subject: Mapped[str | None]
    digest_text: Mapped[str | None]
    updated_at: Mapped[CreatedAt]


class Notification(Base):
    """Something that is to be said by a channel and is in no message yet. `facts`: the job as it was then.

    The same of one job is said once by a channel, whatever rules say so: `once` is the moment that makes it another.
    `gathers`: it goes into one message with the others of its rule.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("notifications_due", "due_at", postgresql_where=text("delivery_id IS NULL")),
        Index("notifications_waiting", "channel_id", "rule_id", "due_at", postgresql_where=text("delivery_id IS NULL")),
        Index("notifications_once", "channel_id", "job_id", "occasion", "once", unique=True),
        Index("notifications_of_rule", "rule_id"),
        Index("notifications_of_delivery", "delivery_id"),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("notification_rules.id", ondelete="CASCADE"))
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("notification_channels.id", ondelete="CASCADE"))
    job_id: Mapped[UUID]
    occasion: Mapped[str]
    once: Mapped[Moment]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_at: Mapped[Moment]
    gathers: Mapped[bool]
    delivery_id: Mapped[UUID | None] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"))


class Delivery(Base):
    """A message on its way, or that was sent: what it says, and each try. Its id is the message's, also in a retry.

    `body`: what is sent, as it is; `html`: beside it, of an e-mail. `tries`: `{at, ms, status, answer, error}` each.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        Index("deliveries_due", "channel_id", "next_at", "id", postgresql_where=text("state = 'pending'")),
        Index("deliveries_of_channel", "channel_id", text("id DESC")),
        Index("deliveries_failed", "channel_id", text("id DESC"), postgresql_where=text("state = 'failed'")),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("notification_channels.id", ondelete="CASCADE"))
    occasion: Mapped[str]
    job_id: Mapped[UUID | None]
    subject: Mapped[str]
    body: Mapped[str]
    html: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    tries: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[CreatedAt]
    delivered_at: Mapped[Moment | None]
    replay_of: Mapped[UUID | None]
