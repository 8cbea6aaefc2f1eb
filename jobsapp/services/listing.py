"""Lists of jobs, at a bounded cost whatever the tables hold.

A question about few of many jobs must not read all of them. Those in a state other than completed are looked up in the
small tables beside the jobs; for everything else an index is walked from the newest job on, and the walk ends after a
number of rows, whether the page is full or not: then the list says how far it looked, and the next page goes on from
there. Of a text, what is older than a short walk is found by an index of its own (`texts.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import first_of_millisecond
from jobsapp.core.states import Status
from jobsapp.core.storable import is_storable
from jobsapp.models import Job
from jobsapp.services.sessions import DbSession
from jobsapp.services.texts import Texts
from jobsapp.services.walks import Walk, in_order, states_of, statuses_of

WINDOW = 5000
"""Rows that a page looks at."""
FIRST_WINDOW = 500
"""The same where an index finds what is older."""
WIDE_WINDOW = 100_000
"""Rows that are looked at for a change of everything that matches."""


def looked_at(wanted: JobFilter) -> int:
    """How many jobs a page that is not full has looked at, at least."""
    if wanted.batch_id is not None:
        return WIDE_WINDOW
    return WINDOW if wanted.text is None else FIRST_WINDOW


class Match(NamedTuple):
    """A job that matches, as it was when it was looked at."""

    id: UUID
    status: str
    stopping: bool


class Listing:
    def __init__(self, session: DbSession) -> None:
        self._session = session
        self._texts = Texts(session)

    def page(
        self, organization_id: UUID, wanted: JobFilter, *, before: UUID | None, limit: int
    ) -> tuple[list[Job], UUID | None]:
        """Jobs, newest first, and where to go on: None if there are no more.

        A page may be short and yet not the last: it ends where the walk ended.
        """
        if not _storable(wanted):
            return [], None
        pattern = self._texts.pattern(wanted)
        with in_order(self._session):
            found, end = self._walked(organization_id, wanted, before, limit + 1, _window(wanted, pattern))
            if pattern and end:
                newest = partial(self._newest, organization_id, wanted.narrowed(text=None, status=None))
                older = self._texts.older(
                    organization_id,
                    wanted,
                    pattern,
                    newest=newest,
                    before=end,
                    limit=limit + 1 - len(found),
                    is_empty=not found,
                )
                found += self._jobs(older.ids)
                end = older.end
                if older.crowd and not found:
                    more, end = self._walked(organization_id, wanted, older.crowd, limit + 1 - len(found), FIRST_WINDOW)
                    found += more
        return found[:limit], found[limit - 1].id if len(found) > limit else end

    def _walked(
        self, organization_id: UUID, wanted: JobFilter, before: UUID | None, limit: int, window: int
    ) -> tuple[list[Job], UUID | None]:
        """What a walk finds, and where it ended before all was looked at."""
        walk = Walk(organization_id, wanted, before=before, window=window)
        found = list(self._session.scalars(walk.jobs(limit).options(selectinload(walk.job.artifacts))))
        # Where every row of the walk matches, a short page is the last.
        end: UUID | None = self._session.scalar(walk.end()) if walk.narrows and len(found) < limit else None
        if end is None or not walk.meets_others:
            return found, end
        # It may be the id of somebody else's job, which is nobody's business. Its millisecond is a place too, once the
        # rest of that was looked at.
        since = first_of_millisecond(end)
        rest = Walk(organization_id, wanted, before=end, since=since, window=WIDE_WINDOW)
        found += self._session.scalars(rest.jobs(limit - len(found)).options(selectinload(rest.job.artifacts)))
        return found, since if len(found) < limit else None

    def _newest(self, organization_id: UUID, wanted: JobFilter, before: UUID) -> UUID | None:
        found: UUID | None = self._session.scalar(Walk(organization_id, wanted, before=before, window=1).end())
        return found

    def _jobs(self, ids: list[UUID]) -> list[Job]:
        query = select(Job).where(Job.id.in_(ids)).order_by(Job.id.desc()).options(selectinload(Job.artifacts))
        return list(self._session.scalars(query)) if ids else []

    def matching(
        self, organization_id: UUID, wanted: JobFilter, *, statuses: Iterable[str], limit: int
    ) -> tuple[list[Match], bool]:
        """The newest jobs that match and are in one of the states, and whether there may be more of them."""
        found: list[Match] = []
        more = False
        walks = self._wide(organization_id, wanted, statuses)
        for walk in walks:
            with in_order(self._session):
                rows = self._session.execute(walk.matches(limit + 1)).all()
                more = more or (len(rows) <= limit and self._session.scalar(walk.end()) is not None)
            found += [Match(*row) for row in rows]
        if len(walks) > 1:
            found.sort(key=lambda one: one.id, reverse=True)
        return found[:limit], more or len(found) > limit

    def counted(
        self, organization_id: UUID, wanted: JobFilter, *, statuses: Iterable[str], limit: int
    ) -> tuple[Counter[str], bool]:
        """The same as numbers: how many of them are in each state, those that are `stopping` apart from the active."""
        walks = self._wide(organization_id, wanted, statuses)
        if not walks:
            return Counter(), False
        found: Counter[str] = Counter()
        more = False
        with in_order(self._session):
            for status, stopping, counted, jobs in self._session.execute(states_of(walks, limit)):
                more = more or not counted
                found["stopping" if stopping else status] += jobs if counted else 0
            more = more or any(self._session.scalar(walk.end()) is not None for walk in walks)
        return found, more

    def _wide(self, organization_id: UUID, wanted: JobFilter, statuses: Iterable[str]) -> list[Walk]:
        """What finds all that match and are in one of the states."""
        allowed = frozenset(statuses) & (statuses_of(wanted) or frozenset(Status))
        if not allowed or not _storable(wanted):
            return []
        # Those have tables of their own; together with completed ones they are found on the way.
        alone = Status.COMPLETED not in allowed
        parts = [frozenset({one}) for one in allowed] if alone else [allowed]
        return [Walk(organization_id, wanted, statuses=part, window=WIDE_WINDOW) for part in parts]


def _window(wanted: JobFilter, pattern: str | None) -> int:
    if wanted.batch_id is not None:
        return WIDE_WINDOW
    return FIRST_WINDOW if pattern else WINDOW


def _storable(wanted: JobFilter) -> bool:
    return all(is_storable(text) for text in (wanted.type, wanted.status, wanted.queue, wanted.text) if text)
