"""Statements about stored files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all, fetch_one


@dataclass(frozen=True)
class FileRow:
    id: UUID
    name: str
    size: int
    media_type: str
    sha256: str


@dataclass(frozen=True)
class _Id:
    id: UUID


def registered(connection: Connection[Any], file_ids: list[UUID]) -> set[UUID]:
    """Those of these ids that have a row."""
    return {row.id for row in fetch_all(connection, "registered_files", _Id, ids=file_ids)}


def find_file(connection: Connection[Any], file_id: UUID, organization_id: UUID) -> FileRow | None:
    """A stored file of that organisation."""
    return fetch_one(connection, "job_file", FileRow, id=file_id, organization_id=organization_id)
