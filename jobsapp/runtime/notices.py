"""Tells whom a channel belongs to that it was switched off: by another way that works, as a message like others, so it
is not lost. The audit log and the page tell it too."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.audit import ITSELF, Action
from jobsapp.core.ids import new_id
from jobsapp.core.notifications import Kind
from jobsapp.runtime.house import House
from jobsapp.store import notifications as store
from jobsapp.store.notifications import Owner, Taken

NEW = {Kind.EMAIL: ("E-mail to me", "your own address"), Kind.BROWSER: ("My browser", "your pages")}
"""The channel that is made for it where they have none: its name, and where it leads."""


def tell_of_disabled(connection: Connection[Any], house: House, taken: Taken, reason: str, now: datetime) -> None:
    """Call it in the transaction that switches the channel off."""
    values: dict[str, Any] = {"id": new_id(), "actor": ITSELF, "action": Action.CHANNEL_OFF, "reason": reason}
    store.audit_switched_off(connection, taken.channel_id, **values)
    owner = store.owner_of(connection, taken.channel_id)
    if owner is None:
        return
    body = (
        f"Nothing is sent by the channel “{owner.name}” any more.\n\n{reason}\n\n"
        f"Messages that wait are kept. Switch it on again at {house.settings.base_url}/notifications"
    )
    store.add_notice(
        connection,
        taken.organization_id,
        _way(connection, house, taken, owner, now),
        id=new_id(),
        occasion="channel-disabled",
        subject=f"The channel “{owner.name}” was switched off",
        body=body,
        html="",
        now=now,
    )


def _way(connection: Connection[Any], house: House, taken: Taken, owner: Owner, now: datetime) -> UUID:
    """By e-mail, unless that is what does not work, there is none here, or they have ended it; else in the browser."""
    by_mail = taken.kind != Kind.EMAIL and bool(house.settings.smtp_url)
    kind = Kind.EMAIL if by_mail and (owner.mail_id or not owner.unsubscribed) else Kind.BROWSER
    known = owner.mail_id if kind == Kind.EMAIL else owner.browser_id
    if known is not None:
        return known
    channel_id, (name, shown) = new_id(), NEW[kind]
    values: dict[str, Any] = {"id": channel_id, "kind": kind, "name": name, "shown": shown, "now": now}
    sealed = house.sealer().seal_json(channel_id, {})
    store.add_own_channel(connection, taken.organization_id, owner.owner_id, settings=sealed, **values)
    return channel_id
