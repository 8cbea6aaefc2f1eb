"""What jobs depend on and what depends on them, as it is shown. Each function is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all

SHOWN = 100
NAMED = 3
COUNTED = 1000
RESULTS = 1000


class Relative(NamedTuple):
    """A job on the other end of a dependency. `status` None: it was deleted, and has no name either."""

    id: UUID
    name: str
    type: str
    status: str | None


class Found(NamedTuple):
    """A row of `relatives`, of which `kind` says what it tells about the job `of`."""

    kind: str
    of: UUID
    id: UUID | None
    name: str
    type: str
    status: str | None
    decisive: bool
    number: int | None


def relatives(
    connection: Connection[Any],
    *,
    parents: Sequence[UUID],
    pending: Sequence[UUID],
    ended: Sequence[UUID],
    followed: Sequence[UUID],
) -> list[Found]:
    """`parents`: jobs that depend on others, of which those in `pending` may wait and those in `ended` may have ended
    with one; `followed`: jobs on which others may depend."""
    return fetch_all(
        connection,
        "relatives",
        Found,
        parents=list(parents),
        pending=list(pending),
        ended=list(ended),
        followed=list(followed),
        shown=SHOWN,
        named=NAMED,
        bound=COUNTED,
    )


def parents_of(
    connection: Connection[Any], job_id: UUID, *, organization_id: UUID, after: UUID | None, limit: int
) -> list[Relative]:
    """What the job depends on, after that id."""
    values = {"id": job_id, "organization_id": organization_id, "after": after, "limit": limit}
    return fetch_all(connection, "job_parents", Relative, **values)


def children_of(
    connection: Connection[Any], job_id: UUID, *, organization_id: UUID, after: UUID | None, limit: int
) -> list[Relative]:
    """What depends on the job, after that id."""
    values = {"id": job_id, "organization_id": organization_id, "after": after, "limit": limit}
    return fetch_all(connection, "job_children", Relative, **values)


class ParentResult(NamedTuple):
    """What came of a job that another depends on. `artifacts`: ids of files by their names."""

    id: UUID
    name: str
    type: str
    status: str
    result: Any
    artifacts: dict[str, UUID]


def parents_with_results(connection: Connection[Any], job_id: UUID, *, organization_id: UUID) -> list[ParentResult]:
    """The first RESULTS jobs that the job depends on, without those that were deleted."""
    found = fetch_all(
        connection, "parent_results", ParentResult, id=job_id, organization_id=organization_id, limit=RESULTS
    )
    return [one._replace(artifacts={name: UUID(str(value)) for name, value in one.artifacts.items()}) for one in found]
