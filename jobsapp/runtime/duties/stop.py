"""Stops jobs that were asked to and did not within the grace.

Their own work-horse kills itself when the grace is over, and if it cannot, because a library holds the interpreter,
its worker kills it. This is for a worker that cannot either: it is told once more, through Redis. So it waits for
the longest grace of any type.

A note: once the row of a job knows its deadline, what is overdue by it belongs here too.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.worker import kill_horse
from jobsapp.runtime.house import House
from jobsapp.store.jobs import overdue_cancels

MARGIN_SECONDS = 5.0


def tick(connection: Connection[Any], house: House) -> list[UUID]:
    """Returns the jobs whose work-horse was told to die."""
    graces = [job_type.processor.cancel_grace or 0.0 for job_type in house.registry]
    grace = max([house.settings.cancel_grace_seconds, *graces])
    overdue = overdue_cancels(connection, grace_seconds=grace + MARGIN_SECONDS)
    return [job.id for job in overdue if kill_horse(house.settings.redis_url, job.worker, job.id)]
