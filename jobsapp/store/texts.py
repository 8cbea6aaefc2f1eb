"""Finding jobs by what their names and descriptions say, along the index `jobs_by_text`.

The index knows an organisation only together with a stretch of time, a fixed part of the id: so what it gives for one
stretch has a bound, and the newest stretches can be asked first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.errors import QueryCanceled

from jobsapp.core.filters import JobFilter
from jobsapp.store.statements import fetch_all

T = TypeVar("T")
# 18 bits of an id are the time in steps of 2**30 ms, which is 12 days.
STRETCH_BITS = 18
_BELOW = 128 - STRETCH_BITS
IS_THERE = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('jobs_by_text') AND indisvalid"
SMALL = "SELECT one, lower(one) FROM unnest(%s::text[]) AS one"
# Nothing but the index: what else a planner may think of has no bound.
BEGIN = """SELECT set_config('statement_timeout', %s, true), set_config('enable_seqscan', 'off', true),
  set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'on', true)"""


@dataclass(frozen=True)
class _Found:
    id: UUID


@dataclass(frozen=True)
class _Place:
    place: int


def is_indexed(connection: Connection[Any]) -> bool:
    """Whether the index is there; it is not where its extensions are missing."""
    return connection.execute(IS_THERE).fetchone() is not None


def small_letters(connection: Connection[Any], characters: Collection[str]) -> dict[str, str]:
    """What the index makes of each character."""
    return dict(connection.execute(SMALL, [list(characters)]).fetchall())


def stretch_of(job_id: UUID) -> int:
    return job_id.int >> _BELOW


def first_of(stretch: int) -> UUID:
    """No id of that stretch is smaller."""
    return UUID(int=stretch << _BELOW)


def find_texts(
    connection: Connection[Any],
    organization_id: UUID,
    wanted: JobFilter,
    like: str,
    *,
    stretches: Sequence[int],
    before: UUID,
    limit: int,
    seconds: float,
) -> list[UUID] | None:
    """Jobs of these stretches that match, newest first; the stretches come newest first too.

    `like` is `likely` of the text. None: it took more than `seconds`.
    """
    values = {
        "organization_id": organization_id,
        "scopes": [_scope(organization_id, one) for one in stretches],
        "like": like,
        "pattern": wanted.pattern,
        "before": before,
        "first": wanted.first_id,
        "type": wanted.type,
        "queue": wanted.queue,
        "user_id": wanted.user_id,
        "status": wanted.status,
        "limit": limit,
    }
    found = _within(connection, seconds, "find_texts", _Found, **values)
    return None if found is None else [one.id for one in found]


def first_stretch(
    connection: Connection[Any], organization_id: UUID, like: str, stretches: Sequence[int], seconds: float
) -> int | None:
    """The first of these stretches that has a job which may match. None: none, or it took more than `seconds`."""
    scopes = [_scope(organization_id, one) for one in stretches]
    found = _within(connection, seconds, "find_stretch", _Place, scopes=scopes, like=like)
    return stretches[found[0].place - 1] if found else None


def _within(connection: Connection[Any], seconds: float, name: str, row: type[T], **values: Any) -> list[T] | None:
    """Rows of a statement that may use the index and nothing else. None: it took longer."""
    if seconds <= 0:
        return None
    try:
        # What is set is set back with the savepoint.
        with connection.transaction(force_rollback=True):
            connection.execute(BEGIN, [str(max(1, round(seconds * 1000)))])
            return fetch_all(connection, name, row, **values)
    except QueryCanceled:
        return None


def _scope(organization_id: UUID, stretch: int) -> str:
    """As the index has it: the organisation and five digits, of the last of which two bits count."""
    return f"{organization_id}{stretch << 2:05x}"
