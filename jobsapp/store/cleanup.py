"""Statements that delete what is old: finished jobs with their files, and uploads that no job reads.

Those that delete take several round trips in the caller's transaction: first the locks, then a look at who reads what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all, fetch_one


@dataclass(frozen=True)
class Deleted:
    deleted: int
    file_ids: list[UUID]
    job_ids: list[UUID] = field(default_factory=list)
    organization_ids: list[UUID] = field(default_factory=list)
    """Whose each of `job_ids` was."""


@dataclass(frozen=True)
class _Id:
    id: UUID


@dataclass(frozen=True)
class _Jobs:
    finished: int


@dataclass(frozen=True)
class _Uploads:
    uploads: int


Before = Callable[[list[UUID]], object]
"""Called with the jobs that are locked, before they are deleted. If it raises, nothing is deleted."""


class BegunToRead(Exception):
    """While jobs were archived, another began to read a file of one of them, so that one stays."""


def delete_due(
    connection: Connection[Any],
    job_ids: Sequence[UUID],
    *,
    organization_id: UUID,
    statuses: Sequence[str],
    days: int,
    before: Before | None = None,
) -> Deleted:
    """Delete those of these jobs that finished more than `days` ago and that nobody else is writing.

    The bytes of `file_ids` may go once this is committed. A file that another job has begun to read stays, with the
    job that made it. Waits for transactions that are creating a job with one of the files.

    With `before` it is all that it was called with or none: raises BegunToRead, and the transaction is to be rolled
    back. Otherwise a later archive, of what stayed, could have the name of this one, and take its place.
    """
    values = {"ids": list(job_ids), "organization_id": organization_id, "statuses": list(statuses), "days": days}
    return _delete(connection, [row.id for row in fetch_all(connection, "lock_due", _Id, **values)], before)


def delete_chosen(connection: Connection[Any], job_ids: Sequence[UUID], *, organization_id: UUID) -> Deleted:
    """As `delete_due`, for those of these jobs that have finished, whenever."""
    values = {"ids": list(job_ids), "organization_id": organization_id}
    return _delete(connection, [row.id for row in fetch_all(connection, "lock_chosen", _Id, **values)])


def _delete(connection: Connection[Any], locked: list[UUID], before: Before | None = None) -> Deleted:
    if not locked:
        return Deleted(0, [])
    # An archive takes its time. The files are locked after it: jobs that are being created would wait for them.
    if before is not None:
        before(locked)
    fetch_all(connection, "lock_files_of_jobs", _Id, job_ids=locked)
    fetch_all(connection, "lock_edges_of_jobs", _Id, job_ids=locked)
    deleted = fetch_one(connection, "delete_finished", Deleted, job_ids=locked) or Deleted(0, [])
    if before is not None and deleted.deleted != len(locked):
        raise BegunToRead
    return deleted


def count_finished(connection: Connection[Any], *, days: int, organization_id: UUID | None) -> int:
    """Finished jobs older than `days`."""
    row = fetch_one(connection, "count_finished", _Jobs, days=days, organization_id=organization_id)
    return row.finished if row else 0


def delete_unread_uploads(connection: Connection[Any], *, days: int, limit: int) -> list[UUID]:
    """Delete up to `limit` uploads older than `days` that no job reads; their bytes may go once this is committed.

    Waits for transactions that are creating a job with one of them; such an upload stays.
    """
    locked = [row.id for row in fetch_all(connection, "lock_unread_uploads", _Id, days=days, limit=limit)]
    return [row.id for row in fetch_all(connection, "delete_unread_uploads", _Id, ids=locked)] if locked else []


def delete_uploads(connection: Connection[Any], file_ids: Sequence[UUID], *, organization_id: UUID) -> list[UUID]:
    """Delete those of these uploads that no job reads and nobody is about to; returns which, as above."""
    values = {"ids": list(file_ids), "organization_id": organization_id}
    locked = [row.id for row in fetch_all(connection, "lock_uploads", _Id, **values)]
    return [row.id for row in fetch_all(connection, "delete_unread_uploads", _Id, ids=locked)] if locked else []


def count_unread_uploads(connection: Connection[Any], *, days: int) -> int:
    """Uploads older than `days` that no job reads."""
    row = fetch_one(connection, "count_unread_uploads", _Uploads, days=days)
    return row.uploads if row else 0
