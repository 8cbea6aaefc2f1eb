"""What jobs depend on, and what depends on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection

from jobsapp.core.actors import Actor
from jobsapp.core.states import Status
from jobsapp.models import Job
from jobsapp.services.base import View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import relatives as store

PAGE = 50
COUNTED = store.COUNTED
"""How far dependents are counted."""


class RelativeView(View):
    """A job on the other end of a dependency."""

    id: UUID
    name: str
    type: str
    status: Literal["pending", "active", "completed", "failed", "cancelled", "deleted"]
    """`deleted`: it is not there any more, nor are its name and its type."""

    @property
    def finished(self) -> bool:
        return self.status not in ("pending", "active")


@dataclass
class Kin:
    """What one job has to do with others."""

    parents: list[RelativeView] = field(default_factory=list)
    waits: int = 0
    """How many jobs it waits for."""
    waited: list[UUID] = field(default_factory=list)
    """The first of those."""
    ended_by: RelativeView | None = None
    """The job with which it failed or was cancelled."""
    children: int = 0


def kin_of(connection: Connection[Any], jobs: Sequence[Job]) -> dict[UUID, Kin]:
    """By id, for those of the jobs that have to do with others: one statement, or none."""
    parents = [job for job in jobs if job.depends_on_count]
    followed = [job.id for job in jobs if job.followed]
    if not parents and not followed:
        return {}
    found: dict[UUID, Kin] = defaultdict(Kin)
    rows = store.relatives(
        connection,
        parents=[job.id for job in parents],
        pending=[job.id for job in parents if job.status == Status.PENDING],
        ended=[job.id for job in parents if job.status in (Status.FAILED, Status.CANCELLED)],
        followed=followed,
    )
    for row in rows:
        _add(found[row.of], row)
    return found


def _add(kin: Kin, row: store.Found) -> None:
    if row.kind == "parent" and row.id:
        kin.parents.append(_view(store.Relative(row.id, row.name, row.type, row.status)))
    elif row.kind == "decisive" and row.id:
        kin.ended_by = _view(store.Relative(row.id, row.name, row.type, row.status))
    elif row.kind == "waits":
        kin.waits = row.number or 0
    elif row.kind == "waited" and row.id:
        kin.waited.append(row.id)
    elif row.kind == "children":
        kin.children = row.number or 0


def _view(one: store.Relative) -> RelativeView:
    return RelativeView(id=one.id, name=one.name, type=one.type, status=one.status or "deleted")


class Relatives:
    """The caller has found that the actor may see the job."""

    def __init__(self, session: DbSession) -> None:
        self._session = session

    def parents(
        self, actor: Actor, job_id: UUID, *, after: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[RelativeView], UUID | None]:
        """What the job depends on, a page in the order of their ids, and the id to give as `after` for the next."""
        return self._page(store.parents_of, actor, job_id, after, limit)

    def children(
        self, actor: Actor, job_id: UUID, *, after: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[RelativeView], UUID | None]:
        """What depends on the job, as `parents`."""
        return self._page(store.children_of, actor, job_id, after, limit)

    def _page(
        self, read: Any, actor: Actor, job_id: UUID, after: UUID | None, limit: int
    ) -> tuple[list[RelativeView], UUID | None]:
        organization_id = actor.organization_id
        rows = read(driver(self._session), job_id, organization_id=organization_id, after=after, limit=limit + 1)
        found = [_view(row) for row in rows[:limit]]
        return found, found[-1].id if len(rows) > limit else None
