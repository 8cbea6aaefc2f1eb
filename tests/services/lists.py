"""Jobs to be listed, and reading a list to its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.models import Job
from jobsapp.services import Services


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
