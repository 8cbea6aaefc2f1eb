"""Lists of jobs, at a bounded cost whatever the tables hold.

A question about few of many jobs must not read all of them. Those in a state other than completed are looked up in the
small tables beside the jobs; for everything else an index is walked from the newest job on, and the walk ends after a
number of rows, whether the page is full or not: then the list says how far it looked, and the next page goes on from
there. Of a text, what is older than a short walk is found by an index of its own (`texts.py`).

Each walk is ordered by an index that begins with a column which never changes, written so that no other index can
give that order. Otherwise the planner takes the primary key when it thinks that most rows match, and reads all the
newer jobs of others until it finds one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    Subquery,
    any_,
    false,
    func,
    lateral,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, aliased, selectinload

from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import first_of_millisecond
from jobsapp.core.states import Status
from jobsapp.core.storable import is_storable
from jobsapp.extensions import Base
from jobsapp.models import UNSUCCESSFUL, Job, QueuedJob, UnsuccessfulJob, WorkerLease
from jobsapp.services.sessions import DbSession
from jobsapp.services.texts import Texts

WINDOW = 5000
"""Rows that a page looks at."""
FIRST_WINDOW = 1000
"""The same where an index finds what is older."""
WIDE_WINDOW = 100_000
"""Rows that are looked at for a change of everything that matches."""


Statement = TypeVar("Statement", bound=Executable)


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
                newest = partial(self._newest, organization_id, wanted.narrowed(text=None, queue=None, status=None))
                older = self._texts.older(
                    organization_id, wanted, pattern, newest=newest, before=end, limit=limit + 1 - len(found)
                )
                found += self._jobs(older.ids)
                end = older.end
                if older.crowded and end and not found:
                    more, end = self._walked(organization_id, wanted, end, limit + 1 - len(found), FIRST_WINDOW)
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
        if not _storable(wanted):
            return [], False
        allowed = frozenset(statuses) & (_statuses(wanted) or frozenset(Status))
        small = allowed - {Status.COMPLETED}
        # Those have tables of their own; together with others they are found on the way.
        parts = [frozenset({one}) for one in small] if small == allowed else [allowed]
        found: list[Match] = []
        more = False
        for part in parts:
            walk = Walk(organization_id, wanted, statuses=part, window=WIDE_WINDOW)
            with in_order(self._session):
                rows = self._session.execute(walk.matches(limit + 1)).all()
                more = more or (len(rows) <= limit and self._session.scalar(walk.end()) is not None)
            found += [Match(*row) for row in rows]
        if len(parts) > 1:
            found.sort(key=lambda one: one.id, reverse=True)
        return found[:limit], more or len(found) > limit


PLANS = ("bitmapscan", "seqscan", "sort")
IN_ORDER = text("SELECT " + ", ".join(f"set_config('enable_{plan}', :way, true)" for plan in PLANS))


@contextmanager
def in_order(session: DbSession) -> Iterator[None]:
    """Let rows be read in the order of an index. Where statistics are old or missing, PostgreSQL may take many rows for
    few, and gather and sort all of them before the first is given out.
    """
    session.execute(IN_ORDER, {"way": "off"})
    yield
    session.execute(IN_ORDER, {"way": "on"})


class Walk:
    """The statements of one walk: `job` is the job in them. `statuses`: empty for all; the filter's own if not given.

    `before`: only smaller ids, `since`: none that is smaller. `window`: rows to look at.
    """

    def __init__(
        self,
        organization_id: UUID,
        wanted: JobFilter,
        *,
        statuses: frozenset[str] | None = None,
        before: UUID | None = None,
        since: UUID | None = None,
        window: int | None = None,
    ) -> None:
        statuses = _statuses(wanted) if statuses is None else statuses
        self._organization_id = organization_id
        self._wanted = wanted
        self._statuses = statuses
        ends = [one for one in (before, wanted.end_id) if one is not None]
        self._before = min(ends) if ends else None
        begins = [one for one in (since, wanted.first_id) if one is not None]
        self._since = max(begins) if begins else None
        self._window = window or WINDOW
        self.job: type[Job]
        self._lead: Any = None
        self._listed: Subquery | None = None
        self._unbounded: frozenset[type[Base]] = frozenset()
        if wanted.batch_id is not None:
            # It has no more jobs than a wide walk looks at.
            self._found = self._walked()
        elif statuses == {Status.PENDING}:
            self._found = self._looked_up(self._waiting())
        elif statuses == {Status.ACTIVE}:
            self._found = self._looked_up(self._held())
        elif len(statuses) == 1 and statuses <= UNSUCCESSFUL:
            self._listed = self._unsuccessful(*statuses)
            self._found = self._looked_up(self._listed)
        else:
            self._found = self._walked()

    @property
    def narrows(self) -> bool:
        """Whether rows of the walk may not match. Otherwise it ends where the jobs end."""
        wanted = self._wanted
        lead = wanted.batch_id and (wanted.type or wanted.user_id)
        narrowing = (wanted.queue, wanted.text, wanted.type and wanted.user_id, lead)
        return bool(self._statuses) or any(narrowing) or self.meets_others

    @property
    def meets_others(self) -> bool:
        """Whether rows of other organisations are on the way."""
        if self._lead is Job.batch_id:
            return False
        return self._lead is Job.user_id or self._statuses in ({Status.PENDING}, {Status.ACTIVE})

    def jobs(self, limit: int) -> Select[Any]:
        return self._say(self._found.with_only_columns(self.job).limit(limit))

    def matches(self, limit: int) -> Select[UUID, str, bool]:
        if self._listed is not None and self._wanted.text is None:
            # What is asked for is in the small table.
            status = literal(next(iter(self._statuses)), String)
            listed = select(self._listed.c.id, status, false()).order_by(self._listed.c.id.desc())
            return self._say(listed.limit(limit))
        stopping = (self.job.status == Status.ACTIVE) & self.job.cancel_requested_at.is_not(None)
        return self._say(self._found.with_only_columns(self.job.id, self.job.status, stopping).limit(limit))

    def end(self) -> Select[Any]:
        """Where the walk ends before all was looked at: the id of the last row, or nothing."""
        return self._say(self._ids.offset(self._window - 1).limit(1))

    def _say(self, statement: Statement) -> Statement:
        """The statement bounds these by itself: a condition more would let another index give its order, or would not
        count the rows of others as looked at."""
        return statement.execution_options(unbounded=self._unbounded)

    def _walked(self) -> Select[Any]:
        """Along the index of the batch, of the type, of the user or of the organisation."""
        self._unbounded = frozenset({Job})
        wanted, organization = self._wanted, Job.organization_id == self._organization_id
        lead: InstrumentedAttribute[Any]
        if wanted.batch_id is not None:
            lead, narrow = Job.batch_id, [organization, _only(Job.batch_id, wanted.batch_id)]
        elif wanted.type is not None:
            lead, narrow = Job.type, [organization, _only(Job.type, wanted.type)]
        elif wanted.user_id is not None:
            lead, narrow = Job.user_id, [_only(Job.user_id, wanted.user_id)]
        else:
            lead, narrow = Job.organization_id, [_only(Job.organization_id, self._organization_id)]
        # The index of batches goes the other way, read from its end.
        self._lead, self._backwards = lead, wanted.batch_id is not None
        order = (lead.desc() if self._backwards else lead, Job.id.desc())
        narrow += self._between(Job.id)
        self._ids = select(Job.id).where(*narrow).order_by(*order)
        self.job = aliased(Job, select(Job).where(*narrow).order_by(*order).limit(self._window).subquery())
        job = self.job
        first = getattr(job, lead.key)
        return (
            select(job).where(*self._conditions()).order_by(first.desc() if self._backwards else first, job.id.desc())
        )

    def _waiting(self) -> Subquery:
        """Ids of pending jobs. Those of other organisations count as looked at."""
        self._unbounded = frozenset({QueuedJob})
        queued = select(QueuedJob).where(*self._between(QueuedJob.job_id)).order_by(QueuedJob.job_id.desc())
        self._ids = queued.with_only_columns(QueuedJob.job_id)
        return self._narrowed(aliased(QueuedJob, queued.limit(self._window).subquery()))

    def _unsuccessful(self, status: str) -> Subquery:
        """Ids of jobs that failed, or of those that were cancelled."""
        row = UnsuccessfulJob
        own = select(row).where(row.organization_id == self._organization_id, row.status == status)
        own = own.where(*self._between(row.job_id)).order_by(row.job_id.desc())
        self._ids = own.with_only_columns(row.job_id)
        row = aliased(row, own.limit(self._window).subquery())
        return self._narrowed(row, (row.user_id, self._wanted.user_id))

    def _narrowed(self, row: type[QueuedJob] | type[UnsuccessfulJob], *more: tuple[Any, Any]) -> Subquery:
        """Ids of the rows that match in what is fixed for a job. `more`: columns, and what they must be."""
        query = select(row.job_id.label("id")).where(row.organization_id == self._organization_id)
        for column, value in ((row.type, self._wanted.type), (row.queue, self._wanted.queue), *more):
            if value is not None:
                query = query.where(column == value)
        return query.subquery()

    def _held(self) -> Subquery:
        """Ids of the jobs that workers have, and of some that they have no more."""
        ids = select(func.unnest(WorkerLease.job_ids).label("id")).subquery()
        self._ids = select(ids.c.id).distinct().where(*self._between(ids.c.id)).order_by(ids.c.id.desc())
        return self._ids.limit(self._window).subquery()

    def _looked_up(self, ids: Subquery) -> Select[Any]:
        # One by one: a planner that joins may walk all jobs beside the few ids.
        self.job = aliased(Job, lateral(select(Job).where(Job.id == ids.c.id).limit(1)))
        query = select(self.job).select_from(ids).join(self.job, true())
        return query.where(*self._conditions()).order_by(ids.c.id.desc())

    def _between(self, column: Any) -> list[ColumnElement[bool]]:
        first = [] if self._since is None else [column >= self._since]
        return first if self._before is None else [*first, column < self._before]

    def _conditions(self) -> list[ColumnElement[bool]]:
        job, wanted = self.job, self._wanted
        found = [] if self._lead is Job.organization_id else [job.organization_id == self._organization_id]
        for column, value in ((job.type, wanted.type), (job.queue, wanted.queue), (job.user_id, wanted.user_id)):
            if value is not None:
                found.append(column == value)
        if self._statuses:
            found.append(job.status.in_(sorted(self._statuses)))
        if wanted.pattern is not None:
            # By code points alone, as `JobFilter.matches` does it.
            texts = (job.name.collate("C"), job.description.collate("C"))
            found.append(or_(*(one.regexp_match(wanted.pattern) for one in texts)))
        return found


def _only(column: InstrumentedAttribute[Any], value: Any) -> ColumnElement[bool]:
    """Equality that leaves the column a part of the order: no other index gives that order then."""
    return column == any_(array([value], type_=column.type))


def _window(wanted: JobFilter, pattern: str | None) -> int:
    if wanted.batch_id is not None:
        return WIDE_WINDOW
    return FIRST_WINDOW if pattern else WINDOW


def _statuses(wanted: JobFilter) -> frozenset[str]:
    return frozenset() if wanted.status is None else frozenset({wanted.status})


def _storable(wanted: JobFilter) -> bool:
    return all(is_storable(text) for text in (wanted.type, wanted.status, wanted.queue, wanted.text) if text)
