"""Statements that delete old jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_one


@dataclass(frozen=True)
class Deleted:
    deleted: int
    file_ids: list[UUID]


@dataclass(frozen=True)
class _Count:
    finished: int


def delete_finished(connection: Connection[Any], *, days: int, organization_id: UUID | None, limit: int) -> Deleted:
    """Delete up to `limit` finished jobs older than `days`; `file_ids` are the files whose bytes may go."""
    row = fetch_one(connection, "delete_finished", Deleted, days=days, organization_id=organization_id, limit=limit)
    return row or Deleted(0, [])


def count_finished(connection: Connection[Any], *, days: int, organization_id: UUID | None) -> int:
    """Finished jobs older than `days`."""
    row = fetch_one(connection, "count_finished", _Count, days=days, organization_id=organization_id)
    return row.finished if row else 0
