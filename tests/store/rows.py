"""Rows of jobs, written and read by hand: below the services, so that a test may try what they never ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from jobsapp.core.ids import new_id
from jobsapp.store.jobs import enqueue

Row = dict[str, Any]
MARKS = {"completed": "completed_at", "failed": "failed_at", "cancelled": "cancelled_at"}
"""The column that is set exactly in that state."""


def insert_organization(connection: Connection[Any]) -> UUID:
    organization_id = new_id()
    connection.execute("INSERT INTO organizations (id, name) VALUES (%s, %s)", [organization_id, str(organization_id)])
    return organization_id


def insert_job(
    connection: Connection[Any],
    organization_id: UUID,
    *,
    queue: str = "echo",
    priority: int = 0,
    allowance: int = 3,
    run_at: datetime | None = None,
    expires_at: datetime | None = None,
    type_name: str = "echo",
) -> UUID:
    """A pending job, due at once unless `run_at` says otherwise."""
    job_id = new_id()
    values = {
        "id": job_id,
        "organization": organization_id,
        "queue": queue,
        "priority": priority,
        "allowance": allowance,
        "run_at": run_at or datetime.now(UTC),
        "expires_at": expires_at,
        "type": type_name,
    }
    connection.execute(
        """INSERT INTO jobs (id, organization_id, type, queue, name, data, priority, max_attempts, allowance, run_at,
             expires_at)
           VALUES (%(id)s, %(organization)s, %(type)s, %(queue)s, 'Echo', '{}', %(priority)s, %(allowance)s,
             %(allowance)s, %(run_at)s, %(expires_at)s)""",
        values,
    )
    enqueue(connection, [job_id])
    return job_id


def insert_many(
    connection: Connection[Any],
    organization_id: UUID,
    number: int,
    *,
    queue: str = "echo",
    priority: int = 0,
    type_name: str = "echo",
    expires_in: float | None = None,
) -> None:
    """So many pending jobs in one go, each due a microsecond after the one before, all of them a minute ago."""
    values = {
        "organization": organization_id,
        "number": number,
        "queue": queue,
        "priority": priority,
        "type": type_name,
        "expires_in": expires_in,
    }
    connection.execute(
        """WITH made AS (
             INSERT INTO jobs (id, organization_id, type, queue, name, data, priority, max_attempts, allowance, run_at,
               expires_at)
             SELECT gen_random_uuid(), %(organization)s, %(type)s, %(queue)s, 'Echo', '{}', %(priority)s, 3, 3,
               now() - interval '1 minute' + make_interval(secs => n / 1e6),
               now() + make_interval(secs => %(expires_in)s)
             FROM generate_series(1, %(number)s) AS n
             RETURNING id, queue, priority, organization_id, type, run_at, expires_at
           )
           INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, expires_at)
           SELECT id, queue, -priority, organization_id, type, run_at, true, expires_at FROM made""",
        values,
    )
    connection.execute("ANALYZE job_queue")


def insert_limit(
    connection: Connection[Any],
    scope: str,
    key: str,
    active: int | None = None,
    *,
    starts: int | None = None,
    period: float | None = None,
) -> None:
    connection.execute(
        "INSERT INTO limits (scope, key, max_active, max_starts, period_seconds) VALUES (%s, %s, %s, %s, %s)",
        [scope, key, active, starts, period],
    )


def pause(connection: Connection[Any], queue: str) -> None:
    connection.execute("INSERT INTO queues (name, paused_at) VALUES (%s, now())", [queue])


def jobs(connection: Connection[Any]) -> dict[UUID, Row]:
    return {row["id"]: row for row in _read(connection, "SELECT * FROM jobs")}


def queued(connection: Connection[Any]) -> dict[UUID, Row]:
    """What waits."""
    return {row["job_id"]: row for row in _read(connection, "SELECT * FROM job_queue")}


def leases(connection: Connection[Any]) -> dict[str, Row]:
    """By worker."""
    return {row["worker"]: row for row in _read(connection, "SELECT * FROM worker_leases")}


def end_leases(connection: Connection[Any], worker: str | None = None) -> None:
    """As if the worker, or every worker, had been silent for too long."""
    connection.execute(
        """UPDATE worker_leases SET lease_until = now() - interval '1 hour'
           WHERE %(worker)s::text IS NULL OR worker = %(worker)s""",
        {"worker": worker},
    )


def attempts(connection: Connection[Any]) -> dict[UUID, dict[int, Row]]:
    """The ended attempts of each job, by number."""
    found: dict[UUID, dict[int, Row]] = {}
    for row in _read(connection, "SELECT * FROM job_attempts"):
        found.setdefault(row["job_id"], {})[row["number"]] = row
    return found


def log_counts(connection: Connection[Any]) -> dict[UUID, int]:
    """How many lines each job's log has."""
    return dict(connection.execute("SELECT job_id, count(*) FROM job_logs GROUP BY 1").fetchall())


def assert_marks(row: Row) -> None:
    """Each finishing time is set exactly in its state."""
    assert [column for column in MARKS.values() if row[column] is not None] == [
        column for status, column in MARKS.items() if status == row["status"]
    ]


def _read(connection: Connection[Any], query: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()
