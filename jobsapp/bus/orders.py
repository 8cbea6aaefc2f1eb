"""Orders to a worker through Redis. What may come of one: `messages.py`."""

from __future__ import annotations

import logging
from uuid import UUID

from rq.command import send_command

from jobsapp.bus.connection import RedisError, hints
from jobsapp.bus.messages import KILL_HORSE

log = logging.getLogger(__name__)


def kill_horse(redis_url: str, worker: str, job_id: UUID) -> bool:
    """Have `worker` kill its work-horse if that runs this job. False if Redis could not be told."""
    try:
        send_command(hints(redis_url), worker, KILL_HORSE, job=str(job_id))
    except RedisError as error:
        log.warning("could not stop the work-horse of %s: %s", worker, error)
        return False
    return True
