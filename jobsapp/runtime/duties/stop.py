"""Stops jobs that have to stop and did not within the grace: they were asked to, or their time is over.

Their own work-horse kills itself when the grace is over, and if it cannot, because a library holds the interpreter,
its worker kills it. This is for a worker that cannot either: it is told once more, through Redis. What still runs then
is taken from it, though its lease is renewed: whatever it says later is refused. So it waits for the longest grace of
any type.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.bus.orders import kill_horse
from jobsapp.core.outcomes import Failed, Outcome, WasCancelled, timeout_failure
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import clear_up, settle
from jobsapp.store.jobs import OverdueJob, overdue_jobs

log = logging.getLogger(__name__)

MARGIN_SECONDS = 5.0
TOLD_SECONDS = 5.0


def tick(connection: Connection[Any], house: House, hints: Hints) -> list[UUID]:
    """Returns the jobs whose work-horse was told to die, and those that were taken from it."""
    types = [job_type.processor for job_type in house.registry]
    grace = max([house.settings.cancel_grace_seconds, *(one.cancel_grace or 0.0 for one in types)])
    timeouts = {one.type: one.timeout for one in types if one.timeout is not None}
    late = grace + MARGIN_SECONDS
    with connection.transaction():
        overdue = overdue_jobs(connection, seconds=late, timeouts=timeouts)
        hopeless = [job for job in overdue if job.alone and job.late_seconds > late + TOLD_SECONDS]
        taken = settle(connection, house, [(job, _fate(job)) for job in hopeless])
    clear_up(house, hints, taken)
    for job, _ in taken:
        log.warning("job %s does not stop; it was taken from the worker %s", job.id, job.worker)
    # Not for the others: their next attempt may be running there by now.
    told = [job for job in overdue if job not in hopeless]
    done = {job.id for job, _ in taken}
    return [*done, *(job.id for job in told if kill_horse(house.settings.redis_url, job.worker, job.id))]


def _fate(job: OverdueJob) -> Outcome:
    return WasCancelled() if job.exceeded is None else Failed(timeout_failure(job.exceeded))
