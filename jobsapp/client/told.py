"""What the server answers about notifications, as `answers.py` has the rest."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobsapp.client.answers import Answer


class Channel(Answer, frozen=True, kw_only=True):
    """A way by which somebody is told. `shown`: where it leads. `secret`: of a webhook, told once."""

    id: UUID
    scope: str
    kind: str
    name: str
    shown: str
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str | None = None
    last_at: datetime | None = None
    secret: str | None = None


class Channels(Answer, frozen=True, kw_only=True):
    channels: tuple[Channel, ...]


class NotificationRule(Answer, frozen=True, kw_only=True):
    """What is told by a channel."""

    id: UUID
    scope: str
    channel_id: UUID
    channel_name: str
    schedule_id: UUID | None = None
    schedule_name: str | None = None
    events: tuple[str, ...]
    types: tuple[str, ...] = ()
    waiting_seconds: int = 600
    running_seconds: int = 3600
    digest_minutes: int = 0
    digest_above: int = 10
    quiet_from: str | None = None
    quiet_until: str | None = None
    zone: str = "UTC"
    failures_through: bool = False
    without_steps: bool = True
    enabled: bool = True
    created_at: datetime


class NotificationRules(Answer, frozen=True, kw_only=True):
    rules: tuple[NotificationRule, ...]


class NotificationWords(Answer, frozen=True, kw_only=True):
    """An organisation's templates of subject and text. None: those of `defaults`."""

    subject: str | None = None
    text: str | None = None
    digest_subject: str | None = None
    digest_text: str | None = None
    defaults: dict[str, str]


class Try(Answer, frozen=True, kw_only=True):
    """One try to send a message. `error` None: it was taken."""

    at: datetime
    ms: int
    status: int | None = None
    answer: str = ""
    error: str | None = None


class Delivery(Answer, frozen=True, kw_only=True):
    """A message. `state`: `pending`, `delivered` or `failed`."""

    id: UUID
    channel_id: UUID
    channel_name: str
    kind: str
    occasion: str
    job_id: UUID | None = None
    subject: str
    body: str
    html: str = ""
    state: str
    attempts: int
    next_at: datetime | None = None
    created_at: datetime
    delivered_at: datetime | None = None
    replay_of: UUID | None = None
    tries: tuple[Try, ...] = ()


class Deliveries(Answer, frozen=True, kw_only=True):
    deliveries: tuple[Delivery, ...]
    next_cursor: str | None = None
