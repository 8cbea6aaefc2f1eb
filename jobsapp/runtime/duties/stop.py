"""Stops jobs that were asked to and did not within the grace.

Their own work-horse kills itself when the grace is over. This is for one that cannot, because a library holds
the interpreter: its worker is told to kill it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.worker import kill_horse
from jobsapp.store.jobs import overdue_cancels

MARGIN_SECONDS = 5.0


def tick(connection: Connection[Any], redis_url: str, *, grace_seconds: float) -> list[UUID]:
    """Returns the jobs whose work-horse was told to die."""
    overdue = overdue_cancels(connection, grace_seconds=grace_seconds + MARGIN_SECONDS)
    return [job.id for job in overdue if kill_horse(redis_url, job.worker)]
