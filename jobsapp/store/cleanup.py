"""Statements that delete what is old: finished jobs with their files, and uploads that no job reads.

Those that delete take several round trips in the caller's transaction: first the locks, then a look at who reads what.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def delete_finished(connection: Connection[Any], *, days: int, organization_id: UUID | None, limit: int) -> Deleted:
    """Delete up to `limit` finished jobs older than `days`.

    The bytes of `file_ids` may go once this is committed. A file that another job has begun to read stays, with the
    job that made it. Waits for transactions that are creating a job with one of the files.
    """
    values = {"days": days, "organization_id": organization_id, "limit": limit}
    return _delete(connection, [row.id for row in fetch_all(connection, "lock_finished", _Id, **values)])


def delete_chosen(connection: Connection[Any], job_ids: Sequence[UUID], *, organization_id: UUID) -> Deleted:
    """As `delete_finished`, for those of these jobs that have finished and that nobody else is writing."""
    values = {"ids": list(job_ids), "organization_id": organization_id}
    return _delete(connection, [row.id for row in fetch_all(connection, "lock_chosen", _Id, **values)])


def _delete(connection: Connection[Any], locked: list[UUID]) -> Deleted:
    if not locked:
        return Deleted(0, [])
    fetch_all(connection, "lock_files_of_jobs", _Id, job_ids=locked)
    return fetch_one(connection, "delete_finished", Deleted, job_ids=locked) or Deleted(0, [])


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


def delete_unread_upload(connection: Connection[Any], file_id: UUID) -> bool:
    """Delete an upload unless a job reads it; its bytes may go once this is committed.

    Waits as `delete_unread_uploads`.
    """
    locked = [row.id for row in fetch_all(connection, "lock_upload", _Id, id=file_id)]
    return bool(locked and fetch_all(connection, "delete_unread_uploads", _Id, ids=locked))


def count_unread_uploads(connection: Connection[Any], *, days: int) -> int:
    """Uploads older than `days` that no job reads."""
    row = fetch_one(connection, "count_unread_uploads", _Uploads, days=days)
    return row.uploads if row else 0
