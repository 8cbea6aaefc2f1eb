"""Jobs that wait for others. Each function is one statement, and the caller owns the transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from jobsapp.core.states import Status
from jobsapp.store.statements import fetch_all, statement

CANCEL, FAIL, CONTINUE = POLICIES = ("cancel", "fail", "continue")
EDGES_AT_ONCE = 5_000
TOUCHED_AT_ONCE = 1_000


class Edge(NamedTuple):
    """A dependency on a job that ended as `status` says; `gone`: it was deleted. `name`: the parent's."""

    job_id: UUID
    parent_id: UUID
    on_failure: str
    status: str
    name: str

    @property
    def ends(self) -> str | None:
        """What becomes of the job that waited. None: it may go on."""
        if self.status == Status.COMPLETED or self.on_failure == CONTINUE:
            return None
        return Status.FAILED if self.on_failure == FAIL else Status.CANCELLED

    @property
    def reason(self) -> str | None:
        how = {"failed": "failed", "cancelled": "was cancelled"}.get(self.status, "was deleted")
        return f"The job {self.name or self.parent_id}, which it depends on, {how}." if self.ends else None


class Released(NamedTuple):
    """A job that waited for one less, or that ended with what it waited for; or one that others now wait for. `due`: it
    can run now."""

    id: UUID
    organization_id: UUID
    queue: str
    status: str
    revision: int
    due: bool


def follow(connection: Connection[Any], job_ids: Iterable[UUID], *, organization_id: UUID) -> list[UUID]:
    """Have the end of these jobs told from now on. Returns those that somebody else is writing: ask again for them.

    Commit before anything may depend on it.
    """
    values = {"ids": list(job_ids), "organization_id": organization_id}
    connection.execute(statement("follow_jobs"), values)
    return [row[0] for row in connection.execute(statement("unfollowed_jobs"), values)]


def add(
    connection: Connection[Any], edges: Sequence[tuple[UUID, UUID, str]], *, organization_id: UUID
) -> dict[UUID, int]:
    """Add (job, parent, what if the parent fails), each once. All these jobs are there and followed.

    Returns for how many each of the jobs waits, for `store.jobs.enqueue`. Raises LookupError if a parent is not there,
    or of another organisation; then roll back.
    """
    jobs, parents, policies = (list(column) for column in zip(*edges, strict=True)) if edges else ([], [], [])
    values = {"jobs": jobs, "parents": parents, "policies": policies, "organization_id": organization_id}
    rows = connection.execute(statement("add_dependencies"), values).fetchall()
    if len(rows) < len(edges):
        raise LookupError("a parent is not there")
    return Counter(job_id for job_id, waits in rows if waits)


def ask_check(connection: Connection[Any], job_ids: Sequence[UUID]) -> None:
    """After the commit, have these jobs' parents looked at once more: see `add_dependencies.sql`."""
    connection.execute(statement("ask_check"), {"ids": list(job_ids)})


def touch_parents(
    connection: Connection[Any], job_ids: Sequence[UUID], *, limit: int = TOUCHED_AT_ONCE
) -> list[Released]:
    """Count it as a change of what these new jobs depend on, `limit` at most. It waits for nobody."""
    return fetch_all(connection, "touch_parents", Released, jobs=list(job_ids), limit=limit)


class Unsettled(NamedTuple):
    """A dependency that nobody settled yet although the parent has ended."""

    job_id: UUID
    parent_id: UUID


def ended_parents(
    connection: Connection[Any], *, parents: Sequence[UUID], jobs: Sequence[UUID], limit: int = EDGES_AT_ONCE
) -> list[Unsettled]:
    """The dependencies that are to be settled, on `parents` and of `jobs`. As many as `limit`: there may be more."""
    return fetch_all(connection, "ended_parents", Unsettled, parents=list(parents), jobs=list(jobs), limit=limit)


def ended_edges(connection: Connection[Any], found: Sequence[Unsettled]) -> list[Edge]:
    """Lock them, and read them anew: somebody may have settled one, or have retried the parent."""
    jobs, parents = [one.job_id for one in found], [one.parent_id for one in found]
    return fetch_all(connection, "ended_edges", Edge, jobs=jobs, parents=parents)


def settle(connection: Connection[Any], edges: Sequence[Edge]) -> list[Released]:
    """Settle them, which are locked. Returns the jobs that wait for fewer now, and those that ended with a parent."""
    return fetch_all(
        connection,
        "settle_edges",
        Released,
        jobs=[edge.job_id for edge in edges],
        parents=[edge.parent_id for edge in edges],
        statuses=[edge.status for edge in edges],
        ends=[edge.ends for edge in edges],
        reasons=[edge.reason for edge in edges],
    )
