"""Makes messages of notifications: one of each, or one of many that come together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from jobsapp.core.ids import new_id
from jobsapp.core.notifications import MINUTE
from jobsapp.runtime.house import House
from jobsapp.services.messages import message_of
from jobsapp.services.unsubscribing import unsubscribe_url
from jobsapp.services.wording import Words
from jobsapp.store import notifications as store
from jobsapp.store.notifications import Note, Pile


class Composer:
    def __init__(self, house: House) -> None:
        self._base_url = house.settings.base_url
        self._sealer = house.sealer()

    def compose(self, connection: Connection[Any], now: datetime) -> bool:
        """Make messages of what one rule has to say. False: nothing is due."""
        with connection.transaction():
            pile = store.next_to_say(connection, now)
            if pile is None or not pile.notes:
                return False
            if pile.disabled:
                store.drop(connection, pile.notes)
                return True
            for notes in self._parted(connection, pile, now):
                self._add(connection, pile, notes, now)
        return True

    def _parted(self, connection: Connection[Any], pile: Pile, now: datetime) -> list[Sequence[Note]]:
        """What is to go out now, a message each. Of more than is wanted within a minute the rest waits for its end."""
        gathered = [note for note in pile.notes if note.gathers]
        alone = [note for note in pile.notes if not note.gathers]
        allowed = max(0, pile.digest_above - pile.lately)
        if len(alone) > allowed:
            store.hold(connection, alone[allowed:], now + MINUTE)
        parts: list[Sequence[Note]] = [[note] for note in alone[:allowed]]
        return [*parts, gathered] if gathered else parts

    def _add(self, connection: Connection[Any], pile: Pile, notes: Sequence[Note], now: datetime) -> None:
        words = Words(pile.subject, pile.text, pile.digest_subject, pile.digest_text)
        said = message_of(
            pile.kind,
            [note.facts for note in notes],
            words,
            organization=pile.organization,
            at=now,
            settings_url=f"{self._base_url}/notifications",
            unsubscribe_url=unsubscribe_url(self._base_url, self._sealer, pile.channel_id),
        )
        store.add_delivery(connection, pile, notes, now, new_id(), **said._asdict())
