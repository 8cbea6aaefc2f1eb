"""Rescues jobs whose lease ended. By lease, never by age: only a missing sign of life tells the dead from the slow."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.store.jobs import forget_leases

log = logging.getLogger(__name__)


def tick(connection: Connection[Any], house: House, hints: Hints) -> list[UUID]:
    """Returns the jobs it rescued."""
    rescued = settle_lost_jobs(connection, house, hints)
    for job_id in rescued:
        log.warning("the lease of job %s ended; it was settled", job_id)
    forget_leases(connection)
    return rescued
