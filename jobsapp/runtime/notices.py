"""Tells whom a channel belongs to that it was switched off: by e-mail, as a message like others, so it is not lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection

from jobsapp.core.ids import new_id
from jobsapp.core.notifications import Kind
from jobsapp.runtime.house import House
from jobsapp.store import notifications as store
from jobsapp.store.notifications import Taken

NAME = "E-mail to me"


def tell_of_disabled(connection: Connection[Any], house: House, taken: Taken, reason: str, now: datetime) -> None:
    """Call it in the transaction that switches the channel off. The page tells it in any case."""
    owner = store.owner_of(connection, taken.channel_id)
    own_mail = taken.kind == Kind.EMAIL and taken.user_id is not None
    if owner is None or own_mail or not house.settings.smtp_url:
        return
    mail_id = owner.mail_id
    if mail_id is None:
        mail_id = new_id()
        sealed = house.sealer().seal_json(mail_id, {})
        store.add_mail_channel(
            connection, taken.organization_id, owner.owner_id, id=mail_id, name=NAME, settings=sealed, now=now
        )
    body = (
        f"Nothing is sent by the channel “{owner.name}” any more.\n\n{reason}\n\n"
        f"Messages that wait are kept. Switch it on again at {house.settings.base_url}/notifications"
    )
    store.add_notice(
        connection,
        taken.organization_id,
        mail_id,
        id=new_id(),
        occasion="channel-disabled",
        subject=f"The channel “{owner.name}” was switched off",
        body=body,
        html="",
        now=now,
    )
