"""The older jobs of a list that asks for a text: found along an index, at a bounded cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.filters import JobFilter
from jobsapp.core.likely import letters, likely
from jobsapp.core.states import Status
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import texts as store

SECONDS = 0.010
"""How long a page may look along the index."""
CROWD_SECONDS = 0.005
"""How long it may look for the first of too many."""
GROUPS = (4, 16, 44)
"""So many stretches of time are asked at once, two years in all."""
# Those are found in small tables of their own.
ELSEWHERE = (Status.PENDING, Status.ACTIVE)


@dataclass(frozen=True)
class Older:
    """Jobs, newest first, and where to go on: None if there are no more.

    `crowd`: where so many jobs may match that the index is of no help, and a walk is; None: no such place is known.
    """

    ids: list[UUID]
    end: UUID | None
    crowd: UUID | None = None


class Texts:
    def __init__(self, session: DbSession) -> None:
        self._session = session

    def pattern(self, wanted: JobFilter) -> str | None:
        """How to ask the index for the filter's text. None: it is of no help."""
        if wanted.text is None or wanted.status in ELSEWHERE or wanted.batch_id is not None:
            return None
        connection = driver(self._session)
        if not store.is_indexed(connection):
            return None
        return likely(wanted.text, store.small_letters(connection, letters(wanted.text)))

    def older(
        self,
        organization_id: UUID,
        wanted: JobFilter,
        pattern: str,
        *,
        newest: Callable[[UUID], UUID | None],
        before: UUID,
        limit: int,
        is_empty: bool,
    ) -> Older:
        """Jobs older than `before`. `newest` gives the newest job before another that may match, whatever its text.

        `is_empty`: the page has nothing yet. A page that has something ends where the time does.
        """
        deadline = time.monotonic() + SECONDS
        found: list[UUID] = []
        for size in GROUPS:
            there = newest(before)
            if there is None:
                return Older(found, None)
            last = store.stretch_of(there)
            stretches = range(last, max(-1, last - size), -1)
            more = store.find_texts(
                driver(self._session),
                organization_id,
                wanted,
                pattern,
                stretches=stretches,
                before=before,
                limit=limit - len(found),
                seconds=deadline - time.monotonic(),
            )
            if more is None and (found or not is_empty):
                return Older(found, before)
            if more is None:
                crowd = self._crowd(organization_id, pattern, stretches, before)
                return Older(found, crowd or before, crowd)
            found += more
            if len(found) >= limit:
                return Older(found, found[-1])
            before = store.first_of(stretches[-1])
        return Older(found, before if newest(before) else None)

    def _crowd(self, organization_id: UUID, pattern: str, stretches: range, before: UUID) -> UUID | None:
        found = store.first_stretch(driver(self._session), organization_id, pattern, stretches, CROWD_SECONDS)
        return None if found is None else min(before, store.first_of(found + 1))
