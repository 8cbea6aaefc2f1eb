"""What is to be said and sent: found, gathered, taken and finished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.ids import first_id_at
from jobsapp.core.notifications import MINUTE
from jobsapp.store.statements import fetch_all, fetch_one, statement

NOTES_AT_ONCE = 1000
LONG_AT_ONCE = 500
LANES = 200
"""Queues, each with a priority, in which it is looked for jobs that wait long."""
NOBODY = UUID(int=0)


@dataclass(frozen=True)
class LongJob:
    """`since`: from when on it waits, or runs; `run_at`: its place in the order in which they are found."""

    job_id: UUID
    run_at: datetime
    since: datetime


@dataclass(frozen=True)
class Note:
    """Of `Notification`, what a message is made of."""

    id: UUID
    occasion: str
    job_id: UUID
    facts: dict[str, Any]
    gathers: bool


@dataclass(frozen=True)
class Pile:
    """What a rule has to say now, and the words for it. `lately`: messages of the channel within the last minute."""

    rule_id: UUID
    digest_above: int
    channel_id: UUID
    organization_id: UUID
    kind: str
    organization: str
    disabled: bool
    subject: str | None
    text: str | None
    digest_subject: str | None
    digest_text: str | None
    lately: int
    notes: list[Note]


@dataclass(frozen=True)
class Taken:
    """A message that is to be sent now. `settings`: sealed; `email`: of the channel's user."""

    id: UUID
    organization_id: UUID
    channel_id: UUID
    user_id: UUID | None
    kind: str
    settings: str
    failures: int
    failing_since: datetime | None
    subject: str
    body: str
    html: str
    occasion: str
    job_id: UUID | None
    attempts: int
    found: bool
    email: str | None


@dataclass(frozen=True)
class Ending:
    """What came of a try, as it is written down."""

    state: str
    next_at: datetime | None
    entry: dict[str, Any]
    ok: bool
    error: str | None
    slow: bool
    calm_until: datetime
    disabled_reason: str | None = None


def waiting_long(
    connection: Connection[Any], organization_id: UUID, *, after: datetime, after_id: UUID | None, until: datetime
) -> list[LongJob]:
    values = {"after": after, "after_id": after_id or NOBODY, "until": until, "limit": LONG_AT_ONCE, "lanes": LANES}
    return fetch_all(connection, "waiting_long", LongJob, organization_id=organization_id, **values)


def running_long(connection: Connection[Any], organization_id: UUID, *, until: datetime) -> list[LongJob]:
    values = {"until": until, "limit": LONG_AT_ONCE}
    return fetch_all(connection, "running_long", LongJob, organization_id=organization_id, **values)


def schedules_of(connection: Connection[Any], job_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The schedule of each job that one made."""
    found = connection.execute(statement("schedules_of_jobs"), {"job_ids": list(job_ids)})
    return dict(found.fetchall())


def schedule_exists(connection: Connection[Any], schedule_id: UUID, *, organization_id: UUID) -> bool:
    found = connection.execute("SELECT to_regclass('schedules') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return False
    values = {"id": schedule_id, "organization_id": organization_id}
    return connection.execute(statement("schedule_exists"), values).fetchone() is not None


def next_to_say(connection: Connection[Any], now: datetime) -> Pile | None:
    """What has waited longest to be said; its rows are the caller's until the transaction ends."""
    values = {"now": now, "minute": first_id_at(now - MINUTE), "limit": NOTES_AT_ONCE}
    return fetch_one(connection, "next_to_say", _pile, **values)


def add_delivery(
    connection: Connection[Any], pile: Pile, notes: Sequence[Note], now: datetime, delivery_id: UUID, **said: str
) -> None:
    """Make a message of these notes. `said`: subject, body, html."""
    alone = notes[0] if len(notes) == 1 else None
    values = {
        "id": delivery_id,
        "organization_id": pile.organization_id,
        "channel_id": pile.channel_id,
        "occasion": alone.occasion if alone else "digest",
        "job_id": alone.job_id if alone else None,
        "now": now,
        "note_ids": [one.id for one in notes],
    }
    connection.execute(statement("add_delivery"), values | said)


def hold(connection: Connection[Any], notes: Sequence[Note], due_at: datetime) -> None:
    connection.execute(statement("hold_notes"), {"note_ids": [one.id for one in notes], "due_at": due_at})


def drop(connection: Connection[Any], notes: Sequence[Note]) -> None:
    connection.execute(statement("drop_notes"), {"note_ids": [one.id for one in notes]})


def take(connection: Connection[Any], now: datetime, *, slow: bool, lease: timedelta) -> Taken | None:
    """A message to send, by a channel that is known to be `slow` or one that is not; None: none is due."""
    while True:
        with connection.transaction():
            locked = connection.execute(statement("lock_due_channel"), {"now": now, "slow": slow}).fetchone()
            if locked is None:
                return None
            found = fetch_one(connection, "take_delivery", Taken, channel_id=locked[0], now=now, until=now + lease)
        # A channel without a message has learnt when there will be one.
        if found is not None and found.found:
            return found


def finish(connection: Connection[Any], taken: Taken, ending: Ending, now: datetime) -> bool:
    """Write down what came of a try, in the caller's transaction. False: somebody else has the message meanwhile."""
    # Before the rest is read, so that a message that is just being made is not overlooked.
    connection.execute(statement("lock_channel"), {"channel_id": taken.channel_id})
    values = vars(ending) | {
        "entry": json.dumps([ending.entry]),
        "id": taken.id,
        "attempts": taken.attempts,
        "channel_id": taken.channel_id,
        "now": now,
    }
    return connection.execute(statement("finish_delivery"), values).fetchone() is not None


def forget(connection: Connection[Any], before: datetime, *, limit: int) -> int:
    """Delete messages that were made before this time; returns how many."""
    values = {"before": first_id_at(before), "limit": limit}
    return connection.execute(statement("forget_deliveries"), values).rowcount


def _pile(*, notes: list[dict[str, Any]] | None, **values: Any) -> Pile:
    read = [
        Note(UUID(one["id"]), one["occasion"], UUID(one["job_id"]), one["facts"], one["gathers"]) for one in notes or ()
    ]
    return Pile(notes=read, **values)


@dataclass(frozen=True)
class Owner:
    """Of the channel `name`: who, and channels of theirs that work, for e-mail and for the browser.

    `unsubscribed`: one of those for e-mail was switched off.
    """

    name: str
    owner_id: UUID
    mail_id: UUID | None
    unsubscribed: bool
    browser_id: UUID | None


def owner_of(connection: Connection[Any], channel_id: UUID) -> Owner | None:
    """To whom it is told what became of a channel. None: there is nobody any more."""
    return fetch_one(connection, "owner_of_channel", Owner, channel_id=channel_id)


def add_own_channel(connection: Connection[Any], organization_id: UUID, user_id: UUID, **values: Any) -> None:
    """`values`: id, kind, name, shown, sealed settings, now."""
    connection.execute(statement("add_own_channel"), {"organization_id": organization_id, "user_id": user_id, **values})


def add_notice(connection: Connection[Any], organization_id: UUID, channel_id: UUID, **values: Any) -> None:
    """A message of ours, about no job. `values`: id, occasion, subject, body, html, now."""
    said: dict[str, Any] = {"organization_id": organization_id, "channel_id": channel_id, "job_id": None}
    said["note_ids"] = []
    connection.execute(statement("add_delivery"), said | values)


def audit_switched_off(connection: Connection[Any], channel_id: UUID, **values: Any) -> None:
    """Write it into the audit log. `values`: id, actor, action, reason."""
    connection.execute(statement("audit_switched_off"), {"channel_id": channel_id, **values})
