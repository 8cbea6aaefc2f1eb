"""Walks: statements that look for jobs along one index, newest first, and look at so many rows at most.

Each walk is ordered by an index that begins with a column which never changes, written so that no other index can
give that order. Otherwise the planner takes the primary key when it thinks that most rows match, and reads all the
newer jobs of others until it finds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar
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
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, aliased

from jobsapp.core.filters import JobFilter
from jobsapp.core.states import Status
from jobsapp.extensions import Base
from jobsapp.models import UNSUCCESSFUL, Job, QueuedJob, UnsuccessfulJob, WorkerLease
from jobsapp.services.sessions import DbSession

Statement = TypeVar("Statement", bound=Executable)
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
        window: int,
    ) -> None:
        statuses = statuses_of(wanted) if statuses is None else statuses
        self._organization_id = organization_id
        self._wanted = wanted
        self._statuses = statuses
        ends = [one for one in (before, wanted.end_id) if one is not None]
        self._before = min(ends) if ends else None
        begins = [one for one in (since, wanted.first_id) if one is not None]
        self._since = max(begins) if begins else None
        self._window = window
        self._lead: Any = None
        self._listed: Subquery | None = None
        self._ids: Select[Any]
        """The ids of all rows that may be looked at, in order."""
        self.unbounded: frozenset[type[Base]] = frozenset()
        """The statements bound these by themselves: a condition more would let another index give their order, or would
        not count the rows of others as looked at."""
        self._chosen: Subquery | None = None
        """The ids of those that may match, where they are looked up in another table."""
        if wanted.batch_id is not None:
            # It has no more jobs than a wide walk looks at.
            self._walk()
        elif statuses == {Status.PENDING}:
            self._chosen = self._waiting()
        elif statuses == {Status.ACTIVE}:
            self._chosen = self._held()
        elif len(statuses) == 1 and statuses <= UNSUCCESSFUL:
            self._listed = self._chosen = self._unsuccessful(*statuses)
        else:
            self._walk()

    @property
    def narrows(self) -> bool:
        """Whether rows of the walk may not match. Otherwise it ends where the jobs end."""
        wanted = self._wanted
        several = sum(one is not None for one in (wanted.type, wanted.user_id, wanted.queue, wanted.batch_id)) > 1
        return bool(self._statuses) or wanted.text is not None or several or self.meets_others

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
            listed = select(self._listed.c.id, status.label("status"), false().label("stopping")).order_by(
                self._listed.c.id.desc()
            )
            return self._say(listed.limit(limit))
        stopping = (self.job.status == Status.ACTIVE) & self.job.cancel_requested_at.is_not(None)
        columns = (self.job.id, self.job.status, stopping.label("stopping"))
        return self._say(self._found.with_only_columns(*columns).limit(limit))

    def end(self) -> Select[Any]:
        """Where the walk ends before all was looked at: the id of the last row, or nothing."""
        return self._say(self._ids.offset(self._window - 1).limit(1))

    def _say(self, statement: Statement) -> Statement:
        return statement.execution_options(unbounded=self.unbounded)

    # Those who ask where a walk ends need none of this, and making it takes a millisecond.
    @cached_property
    def job(self) -> type[Job]:
        if self._chosen is None:
            rows = self._ids.with_only_columns(Job).limit(self._window).subquery()
            return aliased(Job, rows)
        # One by one: a planner that joins may walk all jobs beside the few ids.
        return aliased(Job, lateral(select(Job).where(Job.id == self._chosen.c.id).limit(1)))

    @cached_property
    def _found(self) -> Select[Any]:
        found = select(self.job).where(*self._conditions())
        if self._chosen is None:
            return found.order_by(getattr(self.job, self._lead.key), self.job.id.desc())
        return found.select_from(self._chosen).join(self.job, true()).order_by(self._chosen.c.id.desc())

    def _walk(self) -> None:
        """Along the index of the batch, the type, the user, the queue or the organisation."""
        self.unbounded = frozenset({Job})
        wanted, organization = self._wanted, Job.organization_id == self._organization_id
        if wanted.batch_id is not None:
            self._lead, narrow = Job.batch_id, [organization, _only(Job.batch_id, wanted.batch_id)]
        elif wanted.type is not None:
            self._lead, narrow = Job.type, [organization, _only(Job.type, wanted.type)]
        elif wanted.user_id is not None:
            self._lead, narrow = Job.user_id, [_only(Job.user_id, wanted.user_id)]
        elif wanted.queue is not None:
            self._lead, narrow = Job.queue, [organization, _only(Job.queue, wanted.queue)]
        else:
            self._lead, narrow = Job.organization_id, [_only(Job.organization_id, self._organization_id)]
        narrow += self._between(Job.id)
        self._ids = select(Job.id).where(*narrow).order_by(self._lead, Job.id.desc())

    def _waiting(self) -> Subquery:
        """Ids of pending jobs. Those of other organisations count as looked at."""
        self.unbounded = frozenset({QueuedJob})
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


def states_of(walks: Sequence[Walk], limit: int) -> Select[Any]:
    """How many of the newest jobs that the walks find, up to `limit`, are in which state and stopping or not; and, with
    `counted` false, whether there is one more. So that thousands are counted without any of them leaving the database.
    """
    parts = [select(one.matches(limit + 1).subquery()) for one in walks]
    newest = parts[0] if len(parts) == 1 else select(both := union_all(*parts).subquery()).order_by(both.c.id.desc())
    found = newest.limit(limit + 1).subquery()
    counted = (func.row_number().over() <= limit).label("counted")
    bounded = select(found.c.status, found.c.stopping, counted).subquery()
    groups = (bounded.c.status, bounded.c.stopping, bounded.c.counted)
    unbounded = frozenset[type[Base]]().union(*(one.unbounded for one in walks))
    numbers = select(*groups, func.count()).select_from(bounded).group_by(*groups)
    return numbers.execution_options(unbounded=unbounded)


def _only(column: InstrumentedAttribute[Any], value: Any) -> ColumnElement[bool]:
    """Equality that leaves the column a part of the order: no other index gives that order then."""
    return column == any_(array([value], type_=column.type))


def statuses_of(wanted: JobFilter) -> frozenset[str]:
    return frozenset() if wanted.status is None else frozenset({wanted.status})
