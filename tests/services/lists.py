"""Jobs to be listed, and reading a list to its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services

FILL = """
INSERT INTO jobs (id, organization_id, user_id, type, queue, name, status, data, max_attempts, allowance, completed_at)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
  CASE WHEN n <= 10000 THEN %(ours)s::uuid ELSE %(theirs)s END,
  CASE WHEN n <= 20 THEN %(user)s::uuid END, CASE WHEN n <= 20 THEN 'rare' ELSE 'echo' END,
  CASE WHEN n <= 20 THEN 'slow' ELSE 'echo' END,
  CASE WHEN n <= 20 THEN 'Needle' ELSE 'Hay' END, 'completed', json_build_object('text', repeat('x', 400)), 3, 3, now()
FROM generate_series(1, 20000) AS n
"""


def pages(services: Services, actor: Actor, wanted: JobFilter, limit: int = 3) -> list[list[Job]]:
    """All pages of a list, one after the other."""
    found, before = [], None
    while True:
        jobs, before = services.jobs.page(actor, wanted, before=before, limit=limit)
        found.append(jobs)
        if before is None:
            return found


def jobs_of_years(connection: psycopg.Connection[Any], ours: Actor, theirs: Actor) -> list[UUID]:
    """Jobs of four years with a gap of one, one in two days, some with a text that says how often.

    Returns ours that are called *A Needle*, newest first.
    """
    connection.execute(
        """INSERT INTO jobs (id, organization_id, type, queue, name, data, max_attempts, allowance, status, failed_at)
        SELECT (lpad(to_hex((1600000000 + n * 2 * 86400::bigint) * 1000), 12, '0') || '70008' || lpad(n::text, 15, '0')
          )::uuid, CASE n % 2 WHEN 0 THEN %(ours)s::uuid ELSE %(theirs)s END, 'echo', 'echo',
          CASE WHEN n % 100 = 0 THEN 'A Needle' WHEN n % 2 = 0 THEN 'Hay and straw' ELSE 'Their needle' END,
          '{}', 3, 3, CASE WHEN n % 6 = 0 THEN 'failed' ELSE 'pending' END, CASE WHEN n % 6 = 0 THEN now() END
        FROM generate_series(1, 912) AS n WHERE n NOT BETWEEN 300 AND 480""".replace(" % ", " %% "),
        {"ours": ours.organization_id, "theirs": theirs.organization_id},
    )
    query = "SELECT id FROM jobs WHERE organization_id = %s AND name = 'A Needle' ORDER BY id DESC"
    return [row[0] for row in connection.execute(query, [ours.organization_id])]


def touched(statement: Any) -> int:
    """Pages of the database that the statement reads, from memory or not."""
    compiled = statement.compile(db.engine, compile_kwargs={"render_postcompile": True})
    connection: Any = db.session.connection().connection.driver_connection
    (plan,) = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}", compiled.params).fetchone()
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
