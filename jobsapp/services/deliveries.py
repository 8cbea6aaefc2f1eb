"""The log of messages: what was sent, what came of each try, and sending again."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, func, select, true, update

from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.notifications import Kind
from jobsapp.errors import Conflict, NotFound
from jobsapp.models import Delivery, NotificationChannel
from jobsapp.services.base import Moment, View
from jobsapp.services.channels import ORGANIZATION, OWN, Channels, may_change, visible
from jobsapp.services.messages import trial_payload
from jobsapp.services.sessions import DbSession

PAGE = 50
BROWSER_MOST = 10
TRIAL = "test"
REPLAYS_WAITING = 100
State = Literal["pending", "delivered", "failed"]


class TryView(View):
    """One try to send a message."""

    at: Moment
    ms: int
    """How long it took."""
    status: int | None
    """What the receiver answered: of HTTP, or of SMTP."""
    answer: str
    """The beginning of what it said."""
    error: str | None
    """Why it did not work; null: it did."""


class DeliveryView(View):
    """A message. Its id is the same in each try; a receiver knows by it what it has already."""

    id: UUID
    channel_id: UUID
    channel_name: str
    kind: Literal["email", "apprise", "webhook", "browser"]
    occasion: str
    """What happened: an event of a rule, `digest` of many, `test`, or `channel-disabled`."""
    job_id: UUID | None
    subject: str
    body: str
    html: str
    state: State
    """`pending`: it is tried again at `nextAt`."""
    attempts: int
    next_at: Moment | None
    created_at: Moment
    delivered_at: Moment | None
    replay_of: UUID | None
    """The message that this one repeats."""
    tries: list[TryView]


class BrowserNoticeView(View):
    """What a page tells its user."""

    id: UUID
    subject: str
    body: str
    job_id: UUID | None
    created_at: Moment


class Deliveries:
    def __init__(self, session: DbSession) -> None:
        self._session = session

    def page(
        self,
        actor: Actor,
        *,
        channel_id: UUID | None = None,
        state: str | None = None,
        before: UUID | None = None,
        limit: int = PAGE,
    ) -> tuple[list[DeliveryView], UUID | None]:
        """Messages of the channels that the actor may see, the newest first, and where to go on: None at the end."""
        channels = visible(actor).with_only_columns(NotificationChannel.id)
        if channel_id is not None:
            channels = channels.where(NotificationChannel.id == channel_id)
        channel = channels.subquery()
        newest = select(Delivery.id).where(Delivery.channel_id == channel.c.id)
        if state is not None:
            newest = newest.where(Delivery.state == state)
        if before is not None:
            newest = newest.where(Delivery.id < before)
        # Of each of the few channels so many from the end of its own index: what others have sent costs nothing.
        each = newest.order_by(Delivery.id.desc()).limit(limit + 1).lateral()
        ids = select(each.c.id).select_from(channel).join(each, true())
        query = self._visible(actor).where(Delivery.id.in_(ids.order_by(each.c.id.desc()).limit(limit + 1)))
        found = self._session.execute(query.order_by(Delivery.id.desc())).all()
        shown = [_view(row, channel) for row, channel in found[:limit]]
        return shown, shown[-1].id if len(found) > limit else None

    def get(self, actor: Actor, delivery_id: UUID) -> DeliveryView:
        """Raises NotFound."""
        return _view(*self._row(actor, delivery_id))

    def test(self, actor: Actor, channels: Channels, channel_id: UUID) -> DeliveryView:
        """Send a message to see whether it arrives, and commit. As of all, the log tells what came of it."""
        channel = channels.row(actor, channel_id)
        self._may_send(actor, channel)
        now = self._session.scalar(select(func.now()))
        assert now is not None  # noqa: S101 - it always answers
        said = f"If you can read this, messages of the channel “{channel.name}” arrive."
        body = trial_payload(now, channel.name) if channel.kind == Kind.WEBHOOK else said
        row = self._add(channel, occasion=TRIAL, subject="A test of notifications", body=body)
        return self.get(actor, row)

    def replay(self, actor: Actor, delivery_id: UUID) -> DeliveryView:
        """Send a message again as a new one, and commit; one that still waits is tried now. Raises Conflict."""
        old, channel = self._row(actor, delivery_id)
        self._may_send(actor, channel)
        if old.state == "pending":
            self._session.execute(update(Delivery).where(Delivery.id == old.id).values(next_at=func.now()))
            self._call(channel)
            self._session.commit()
            return self.get(actor, old.id)
        copied = {name: getattr(old, name) for name in ("occasion", "job_id", "subject", "body", "html")}
        return self.get(actor, self._add(channel, replay_of=old.id, **copied))

    def for_browser(self, actor: Actor, *, after: UUID | None) -> list[BrowserNoticeView]:
        """What the actor's pages have to tell, the oldest first; without `after` the newest alone, to begin with."""
        channel, row = NotificationChannel, Delivery
        query = select(row).join(channel, channel.id == row.channel_id)
        query = query.where(
            channel.organization_id == actor.organization_id,
            channel.user_id == actor.user_id,
            channel.kind == Kind.BROWSER,
            row.state == "delivered",
        )
        if after is not None:
            query = query.where(row.id > after)
        most = BROWSER_MOST if after is not None else 1
        found = self._session.scalars(query.order_by(row.id.desc()).limit(most)).all()
        return [BrowserNoticeView.model_validate(one, from_attributes=True) for one in reversed(found)]

    def _visible(self, actor: Actor) -> Select[Delivery, NotificationChannel]:
        allowed = visible(actor).with_only_columns(NotificationChannel.id)
        query = select(Delivery, NotificationChannel).join(
            NotificationChannel, NotificationChannel.id == Delivery.channel_id
        )
        # By the few channels: each has an index of its own messages.
        return query.where(Delivery.channel_id.in_(allowed))

    def _row(self, actor: Actor, delivery_id: UUID) -> tuple[Delivery, NotificationChannel]:
        query = self._visible(actor).where(Delivery.id == delivery_id)
        found = self._session.execute(query.execution_options(populate_existing=True)).one_or_none()
        if found is None:
            raise NotFound(f"There is no message {delivery_id}.")
        return found[0], found[1]

    def _may_send(self, actor: Actor, channel: NotificationChannel) -> None:
        may_change(actor, ORGANIZATION if channel.user_id is None else OWN, "send messages")
        if channel.disabled_at is not None:
            raise Conflict("This channel is switched off; switch it on first.")
        waiting = select(Delivery.id).where(Delivery.channel_id == channel.id, Delivery.state == "pending")
        if len(self._session.scalars(waiting.limit(REPLAYS_WAITING)).all()) >= REPLAYS_WAITING:
            raise Conflict("Very many messages of this channel wait to be sent already.")

    def _add(self, channel: NotificationChannel, **values: Any) -> UUID:
        delivery_id = new_id()
        row = Delivery(id=delivery_id, organization_id=channel.organization_id, channel_id=channel.id, **values)
        self._session.add(row)
        self._call(channel)
        self._session.commit()
        return delivery_id

    def _call(self, channel: NotificationChannel) -> None:
        called = update(NotificationChannel).where(NotificationChannel.id == channel.id)
        self._session.execute(called.values(next_at=func.now(), calm_until=None))


def _view(row: Delivery, channel: NotificationChannel) -> DeliveryView:
    told = {name: getattr(row, name, None) for name in DeliveryView.model_fields}
    told |= {"channel_name": channel.name, "kind": channel.kind}
    told["next_at"] = row.next_at if row.state == "pending" else None
    return DeliveryView.model_validate(told)
