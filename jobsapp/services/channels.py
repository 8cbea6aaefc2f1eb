"""Channels: the ways to people and programs, of a user or of the organisation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.core.notifications import Kind
from jobsapp.core.rights import Right
from jobsapp.core.sealing import CannotOpen, Sealer
from jobsapp.core.signatures import new_secret
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, FieldError, InvalidInput, NotFound
from jobsapp.models import NotificationChannel
from jobsapp.services.apprise_urls import check_apprise
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.outbound import may_be_called
from jobsapp.services.sessions import DbSession

OWN, ORGANIZATION = "own", "organization"
MOST = {OWN: 20, ORGANIZATION: 50}
NAME_LENGTH = 100
URL_LENGTH = 2000
MOST_ADDRESSES = 10
OLD_SECRET_COUNTS = timedelta(hours=24)
ADDRESS = re.compile(r"[^@\s<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9.-]{1,255}")


class ChannelView(View):
    """A way to people or programs."""

    id: UUID
    scope: Literal["own", "organization"]
    kind: Literal["email", "apprise", "webhook", "browser"]
    name: str
    shown: str
    """Where it leads, without what may be secret in it: of a webhook the host alone."""
    created_at: Moment
    disabled_at: Moment | None
    """Since when nothing is sent by it."""
    disabled_reason: str | None
    failures: int
    """Tries in a row that failed."""
    failing_since: Moment | None
    last_error: str | None
    last_at: Moment | None
    """When something was last sent, or tried."""
    secret: str | None = None
    """With which the receiver checks the signature: told once, when it is made."""


@dataclass(frozen=True)
class NewChannel:
    """`to`: addresses of e-mail, for the organisation's only; one's own goes to one's own. `url`: of the others."""

    kind: str
    name: str
    scope: str = OWN
    to: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class ChannelChange:
    """None: it stays as it is."""

    name: str | None = None
    to: tuple[str, ...] | None = None
    url: str | None = None
    enabled: bool | None = None


class Channels:
    """`sealer` is asked when there is something to seal."""

    def __init__(self, session: DbSession, sealer: Callable[[], Sealer], settings: Settings) -> None:
        self._session = session
        self._sealer = sealer
        self._settings = settings
        self._audit = Audit(session)

    def all(self, actor: Actor) -> list[ChannelView]:
        """The actor's own, and for who may change them the organisation's, by name."""
        query = visible(actor).order_by(NotificationChannel.user_id.is_(None), NotificationChannel.name)
        return [_view(row) for row in self._session.scalars(query.limit(sum(MOST.values())))]

    def get(self, actor: Actor, channel_id: UUID) -> ChannelView:
        """Raises NotFound."""
        return _view(self.row(actor, channel_id))

    def create(self, actor: Actor, new: NewChannel) -> ChannelView:
        """Make a channel, and commit. Raises Forbidden, Conflict for one too many, InvalidInput naming the field."""
        may_change(actor, new.scope, "make channels")
        name = _checked_name(new.name)
        if new.kind not in list(Kind):
            raise InvalidInput.of("kind", f"must be one of {', '.join(Kind)}.")
        settings, shown = self._settings_of(actor, new.kind, new.scope, new.to, new.url)
        secret = settings.get("secret")
        self._room(actor, new.scope)
        channel_id = new_id()
        row = NotificationChannel(
            id=channel_id,
            organization_id=actor.organization_id,
            user_id=actor.user_id if new.scope == OWN else None,
            kind=new.kind,
            name=name,
            settings=self._sealer().seal_json(channel_id, settings),
            shown=shown,
            created_by=actor.user_id,
        )
        self._session.add(row)
        self._session.flush()
        self._note(actor, Action.CHANNEL_CREATED, row, kind=new.kind)
        self._session.commit()
        return self.get(actor, channel_id).model_copy(update={"secret": secret})

    def change(self, actor: Actor, channel_id: UUID, change: ChannelChange) -> ChannelView:
        """Change a channel, and commit. One that is switched on again sends what has waited. Raises as `create`."""
        row = self._changeable(actor, channel_id, "change channels")
        is_other = change != ChannelChange(enabled=change.enabled)
        if change.name is not None:
            row.name = _checked_name(change.name)
        if change.to is not None or change.url is not None:
            scope = _scope(row)
            settings, row.shown = self._settings_of(actor, row.kind, scope, change.to or (), change.url or "")
            old = self._open(row)
            kept = {key: old[key] for key in ("secret", "old", "old_until") if key in old}
            row.settings = self._sealer().seal_json(row.id, settings | kept)
            self._begin_anew(row)
        if is_other:
            self._note(actor, Action.CHANNEL_CHANGED, row)
        if change.enabled is not None:
            self._switch(actor, row, on=change.enabled)
        self._session.commit()
        return self.get(actor, channel_id)

    def renew_secret(self, actor: Actor, channel_id: UUID) -> ChannelView:
        """Make a new secret for a webhook, and commit. The one before counts for a day: both sign until then."""
        row = self._changeable(actor, channel_id, "change channels")
        if row.kind != Kind.WEBHOOK:
            raise Conflict(f"A channel of the kind {row.kind} has no secret: it goes with webhooks.")
        settings = self._open(row)
        secret = new_secret()
        until = datetime.now(UTC) + OLD_SECRET_COUNTS
        settings |= {"old": settings.get("secret"), "old_until": until.isoformat(), "secret": secret}
        row.settings = self._sealer().seal_json(row.id, settings)
        self._note(actor, Action.CHANNEL_SECRET, row)
        self._session.commit()
        return self.get(actor, channel_id).model_copy(update={"secret": secret})

    def delete(self, actor: Actor, channel_id: UUID) -> None:
        """Delete a channel with its rules and its log, and commit."""
        row = self._changeable(actor, channel_id, "delete channels")
        self._note(actor, Action.CHANNEL_DELETED, row)
        self._session.execute(delete(NotificationChannel).where(NotificationChannel.id == row.id))
        self._session.commit()

    def row(self, actor: Actor, channel_id: UUID) -> NotificationChannel:
        """Raises NotFound, also for one of somebody else."""
        query = visible(actor).where(NotificationChannel.id == channel_id)
        row = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if row is None:
            raise NotFound(f"There is no channel {channel_id}.")
        return row

    def _changeable(self, actor: Actor, channel_id: UUID, deed: str) -> NotificationChannel:
        row = self.row(actor, channel_id)
        may_change(actor, _scope(row), deed)
        return row

    def _open(self, row: NotificationChannel) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._sealer().open_json(row.id, row.settings)
        except CannotOpen:
            return {"secret": new_secret()} if row.kind == Kind.WEBHOOK else {}
        return found

    def _switch(self, actor: Actor, row: NotificationChannel, *, on: bool) -> None:
        if on is (row.disabled_at is None):
            return
        if on:
            row.disabled_at = row.disabled_reason = None
            self._begin_anew(row)
        else:
            row.disabled_at, row.disabled_reason = datetime.now(UTC), f"{actor.email} switched it off."
        self._note(actor, Action.CHANNEL_ON if on else Action.CHANNEL_OFF, row)

    def _begin_anew(self, row: NotificationChannel) -> None:
        row.failures, row.failing_since, row.last_error, row.slow = 0, None, None, False
        row.calm_until = None
        # Who sends finds out what there is, and when the next is due.
        row.next_at = self._session.scalar(select(func.now()))

    def _room(self, actor: Actor, scope: str) -> None:
        user_id = actor.user_id if scope == OWN else None
        owned = select(NotificationChannel.id).where(
            NotificationChannel.organization_id == actor.organization_id,
            NotificationChannel.user_id.is_not_distinct_from(user_id),
        )
        if len(self._session.scalars(owned.limit(MOST[scope])).all()) >= MOST[scope]:
            raise Conflict(f"There are {MOST[scope]} channels already; delete one first.")

    def _settings_of(
        self, actor: Actor, kind: str, scope: str, to: tuple[str, ...], url: str
    ) -> tuple[dict[str, Any], str]:
        """What is sealed, and how it is shown. Raises InvalidInput naming the field."""
        refuse_faults(to=list(to), url=url)
        if kind == Kind.EMAIL:
            return _mail_settings(actor, scope, to)
        if to:
            raise InvalidInput.of("to", "goes with e-mail only.")
        if kind == Kind.BROWSER:
            if scope != OWN or url:
                field = "url" if url else "scope"
                raise InvalidInput.of(field, "does not go with the browser: it tells you alone, at your own pages.")
            return {}, "your pages"
        if not url or len(url) > URL_LENGTH:
            raise InvalidInput.of("url", f"is needed, with up to {URL_LENGTH:,} characters.")
        if kind == Kind.APPRISE:
            return {"url": url}, check_apprise(url)
        return {"url": url, "secret": new_secret()}, self._check_webhook(url)

    def _check_webhook(self, url: str) -> str:
        """How it is shown."""
        if not may_be_called(url, tuple(self._settings.notification_networks)):
            raise InvalidInput.of(
                "url", "must be a public address that begins with https:// or http://, without a password in it."
            )
        return masked(url)

    def _note(self, actor: Actor, action: Action, row: NotificationChannel, **details: Any) -> None:
        self._audit.note(actor, action, Subject("channel", row.id, row.name), {"scope": whose(row.user_id), **details})


def masked(url: str) -> str:
    """The address of a webhook without its path, which may be all that is secret of it, as of Slack's."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{'…' if parts.path.strip('/') or parts.query else ''}"


def visible(actor: Actor) -> Select[NotificationChannel]:
    """The channels that the actor may see."""
    channel = NotificationChannel
    own = channel.user_id == actor.user_id
    whose = or_(own, channel.user_id.is_(None)) if actor.may(Right.CHANGE_JOBS) else own
    return select(channel).where(channel.organization_id == actor.organization_id, whose)


def whose(user_id: UUID | None) -> str:
    """Of the audit log."""
    return "the organisation" if user_id is None else "one's own"


def may_change(actor: Actor, scope: str, deed: str) -> None:
    """Raises Forbidden, and InvalidInput for a scope that is none."""
    if scope not in MOST:
        raise InvalidInput.of("scope", f"must be {OWN} or {ORGANIZATION}.")
    if scope == OWN:
        # Who has no jobs has none to be told of.
        actor.require(Right.CREATE, deed)
        return
    actor.require(Right.CHANGE_JOBS, f"{deed} of the organisation")


def _mail_settings(actor: Actor, scope: str, to: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    if scope == OWN:
        if to and [one.lower() for one in to] != [actor.email]:
            raise InvalidInput.of("to", "of a channel of your own is your own address; leave it out.")
        return {}, "your own address"
    wrong = [one for one in to if not ADDRESS.fullmatch(one)]
    if not to or len(to) > MOST_ADDRESSES or wrong:
        raise InvalidInput(
            f"to: must be 1 to {MOST_ADDRESSES} e-mail addresses.",
            errors=(FieldError("to", f"must be 1 to {MOST_ADDRESSES} e-mail addresses."),),
        )
    return {"to": list(to)}, ", ".join(to)


def _checked_name(name: str) -> str:
    refuse_faults(name=name)
    if not name.strip() or len(name) > NAME_LENGTH:
        raise InvalidInput.of("name", f"must have 1 to {NAME_LENGTH} characters.")
    return name.strip()


def _scope(row: NotificationChannel) -> Literal["own", "organization"]:
    return "organization" if row.user_id is None else "own"


def _view(row: NotificationChannel) -> ChannelView:
    told = {name: getattr(row, name) for name in ChannelView.model_fields if name not in ("scope", "secret")}
    if row.kind == Kind.WEBHOOK:
        # Those from before were kept with their path.
        told["shown"] = masked(row.shown)
    return ChannelView.model_validate(told | {"scope": _scope(row)})
