"""Jobs that ended long ago, straight into the tables: their ids tell the time at which they were created."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Json

from jobsapp.core.actors import Actor
from jobsapp.core.ids import first_id_at
from jobsapp.services import Services
from jobsapp.services.retention import NewRule

MARKS = {"completed": "completed_at", "failed": "failed_at", "cancelled": "cancelled_at"}
BROKEN = {"type": "BadRow", "message": "Line 7 is broken.", "traceback": None}


def insert_finished(
    connection: Connection[Any],
    organization_id: UUID,
    count: int = 1,
    *,
    days: float,
    created_days: float | None = None,
    status: str = "completed",
    job_type: str = "echo",
) -> list[UUID]:
    """So many jobs that finished `days` ago, created then, or `created_days` ago."""
    now = datetime.now(UTC)
    created, ended = now - timedelta(days=days if created_days is None else created_days), now - timedelta(days=days)
    made = [UUID(int=first_id_at(created + timedelta(milliseconds=n)).int + _serial()) for n in range(count)]
    error = Json(BROKEN) if status == "failed" else None
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            f"""INSERT INTO jobs (id, organization_id, type, queue, name, status, data, result, error, attempts,
                  max_attempts, allowance, worker, run_at, created_at, started_at, {MARKS[status]})
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, 3, 3, 'w', %s, %s, %s, %s)""",  # type: ignore[arg-type]
            [
                [
                    *(job_id, organization_id, job_type, job_type, f"Old {n}", status, Json({"n": n})),
                    *(Json({"sum": n}) if status == "completed" else None, error, created, created, created, ended),
                ]
                for n, job_id in enumerate(made)
            ],
        )
    return made


def insert_upload(connection: Connection[Any], organization_id: UUID, *, days: float) -> UUID:
    created = datetime.now(UTC) - timedelta(days=days)
    file_id = UUID(int=first_id_at(created).int + _serial())
    connection.execute(
        """INSERT INTO files (id, organization_id, name, size, media_type, sha256, created_at)
           VALUES (%s, %s, 'in.txt', 3, 'text/plain', '', %s)""",
        [file_id, organization_id, created],
    )
    return file_id


def there(connection: Connection[Any], ids: Sequence[UUID], table: str = "jobs") -> list[UUID]:
    """Those that are still there."""
    query = f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id"
    return [row[0] for row in connection.execute(query, [list(ids)])]  # type: ignore[arg-type]


_last = 0


def _serial() -> int:
    global _last
    _last += 1
    return _last


def set_rule(services: Services, actor: Actor, days: int | None, **rule: str) -> None:
    services.retention.set_rule(actor, NewRule(days, **rule))
