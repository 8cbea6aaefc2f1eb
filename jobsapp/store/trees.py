"""What depends on a job, and on that in turn. Each function is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all

AT_ONCE = 5_000
FIRST = UUID(int=0)


class Link(NamedTuple):
    """`ended`: the job has failed or was cancelled, and it was because of this parent."""

    parent_id: UUID
    job_id: UUID
    ended: bool


def children(
    connection: Connection[Any], ids: Sequence[UUID], *, organization_id: UUID, after: Link | None
) -> list[Link]:
    """Jobs of the organisation that depend on these, AT_ONCE at most, after that one."""
    parent, child = (after.parent_id, after.job_id) if after else (FIRST, FIRST)
    values = {"organization_id": organization_id, "parent": parent, "child": child, "limit": AT_ONCE}
    return fetch_all(connection, "tree_children", Link, ids=list(ids), **values)
