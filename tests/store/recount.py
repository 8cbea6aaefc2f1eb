"""The numbers about jobs as they are kept, beside what a recount of the jobs gives."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

ALL = UUID(int=0)
OWNERS = "CROSS JOIN LATERAL (VALUES ('00000000-0000-0000-0000-000000000000'::uuid), (user_id)) AS owners (owner)"
RECOUNT = f"""
SELECT organization_id, owner, type, status, CASE
    WHEN status <> 'completed' THEN -1
    WHEN completed_at - started_at < interval '1 ms' OR started_at IS NULL THEN 0
    ELSE 1 + floor(4 * log(2, extract(epoch FROM completed_at - started_at) * 1000))::int END AS duration,
  count(*) AS jobs
FROM jobs {OWNERS} WHERE owner IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
"""
KEPT = f"""
SELECT organization_id, owner, type, status, duration, sum(jobs) AS jobs FROM (
  SELECT organization_id, user_id AS owner, type, status, duration, jobs FROM job_counts
  UNION ALL
  SELECT organization_id, owner, type, status, duration, jobs FROM job_tallies {OWNERS} WHERE owner IS NOT NULL
) AS every
GROUP BY 1, 2, 3, 4, 5 HAVING sum(jobs) <> 0
"""
WRONG = f"""
SELECT organization_id, owner, type, status, duration, sum(jobs) FROM (
  ({KEPT}) UNION ALL (SELECT organization_id, owner, type, status, duration, -jobs FROM ({RECOUNT}) AS there)
) AS every
GROUP BY 1, 2, 3, 4, 5 HAVING sum(jobs) <> 0
"""
ENDS = """
SELECT type, status, sum(jobs) FROM (
  SELECT type, status, jobs FROM job_history WHERE grain = %(grain)s
  UNION ALL
  SELECT type, status, ended FROM job_tallies WHERE ended > 0
) AS every
GROUP BY 1, 2
"""
FAILURES = """
SELECT type, error_type, sum(jobs) FROM (
  SELECT type, error_type, jobs FROM job_failures
  UNION ALL
  SELECT type, error_type, ended FROM job_tallies WHERE ended > 0 AND error_type IS NOT NULL
) AS every
GROUP BY 1, 2
"""
UNLISTED = """
SELECT job_id, sum(there) FROM (
  SELECT job_id, organization_id, status, type, queue, user_id, 1 AS there FROM unsuccessful_jobs
  UNION ALL
  SELECT id, organization_id, status, type, queue, user_id, -1 FROM jobs WHERE status IN ('failed', 'cancelled')
) AS every
GROUP BY job_id, organization_id, status, type, queue, user_id HAVING sum(there) <> 0
"""

Counts = dict[tuple[Any, ...], int]


def recounted(connection: Connection[Any], *, everybody: bool = False) -> Counts:
    """How many jobs there are by organisation, owner (ALL: of everybody), type, status and place of duration.

    `everybody`: only those of everybody.
    """
    return {key: jobs for key, jobs in _read(connection, RECOUNT).items() if not everybody or key[1] == ALL}


def kept(connection: Connection[Any]) -> Counts:
    """The same as the counters have it."""
    return _read(connection, KEPT)


def ends(connection: Connection[Any], grain: str = "hour") -> Counts:
    """How many jobs ever came to an end, by type and status."""
    return _read(connection, ENDS, {"grain": grain})


def failures(connection: Connection[Any]) -> Counts:
    """How many jobs ever failed, by type and type of error."""
    return _read(connection, FAILURES)


def wrong(connection: Connection[Any]) -> Counts:
    """What the counters have too many of, or too few. Exact at any moment: both are read in one statement."""
    return _read(connection, WRONG)


def unlisted(connection: Connection[Any]) -> Counts:
    """Jobs that failed or were cancelled and are not listed as such, or the other way round."""
    return _read(connection, UNLISTED)


def _read(connection: Connection[Any], query: str, values: dict[str, Any] | None = None) -> Counts:
    rows = connection.execute(query, values).fetchall()  # type: ignore[arg-type]
    return {tuple(row[:-1]): int(row[-1]) for row in rows}
