"""Wake-ups as workers take them from Redis, with RQ's queues and jobs made harmless.

RQ reads a job with all that it names: a function and callbacks, which it imports by their names, webhooks, which it
calls, values, which it may unpickle. Here nothing is read of a job but one short text, which has to be the one that we
write; whatever else stands beside it is not looked at. What is refused is logged and taken away.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job

from jobsapp.bus.messages import WAKE_UP_BYTES, Refused, read_id, read_wake_up

log = logging.getLogger(__name__)

NOBODY = "refused"
READ = """
local size = redis.call('HSTRLEN', KEYS[1], 'data')
if size > tonumber(ARGV[1]) then return size end
return redis.call('HGET', KEYS[1], 'data')
"""


class WakeUp(Job):
    """Asks to drain the queue that it was in."""

    def refresh(self) -> None:
        """Raises Refused, and NoSuchJobError if it is gone."""
        try:
            data = self.connection.eval(READ, 1, self.key, WAKE_UP_BYTES)
        except ResponseError:
            raise Refused("what has its id is no job") from None
        if data is None:
            raise NoSuchJobError(self.key)
        if isinstance(data, int):
            raise Refused(f"it has {data:,} bytes")
        read_wake_up(data)

    def restore(self, raw_data: Any) -> Any:
        """RQ would read all that the job names."""
        raise Refused("only a wake-up's own text is read")

    def perform(self) -> Any:
        """RQ would import and call what the job names."""
        raise Refused("no job of RQ is ever run here")


class WakeUps(Queue):
    """The queue of wake-ups of one queue of jobs."""

    job_class = WakeUp

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> Any:
        return cls._take(connection, [queue_key], lambda: super(WakeUps, cls).lmove(connection, queue_key, timeout))

    @classmethod
    def lpop(cls, queue_keys: Sequence[str], timeout: int | None, connection: Redis | None = None) -> Any:
        known = cast("Redis", connection)
        return cls._take(known, queue_keys, lambda: super(WakeUps, cls).lpop(queue_keys, timeout, connection))

    @classmethod
    def _take(cls, connection: Redis, queue_keys: Sequence[str], take: Any) -> Any:
        """What RQ took, with an id that is one: or else NOBODY, of whom nothing is found."""
        try:
            taken = take()
        except ResponseError:
            if not _clear(connection, queue_keys):
                raise
            return queue_keys[0], NOBODY
        if taken is None:
            return None
        queue_key, job_id = taken
        try:
            read_id(job_id)
        except Refused as error:
            _refuse(queue_key, error)
            _forget(connection, queue_key, job_id)
            return queue_key, NOBODY
        return queue_key, job_id

    @classmethod
    def _fetch_dequeued_job(  # type: ignore[override]
        cls, connection: Redis, queue_key: str, job_id: str, **how: Any
    ) -> tuple[Job, Queue] | None:
        if job_id == NOBODY:
            return None
        try:
            found = super()._fetch_dequeued_job(connection, queue_key, job_id, **how)
        except Refused as error:
            _refuse(queue_key, error)
            connection.delete(WakeUp.key_for(job_id))
            found = None
        if found is None:
            _forget(connection, queue_key, job_id)
        return found


def _refuse(queue_key: str, error: Refused) -> None:
    log.warning("refused a message in %s: %s", queue_key, error)


def _forget(connection: Redis, queue_key: str, job_id: str | bytes) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 1, job_id)  # type: ignore[arg-type]


def _clear(connection: Redis, queue_keys: Sequence[str]) -> bool:
    """Take away what has the name of a queue and is none. Returns whether there was something."""
    names = [*queue_keys, *map(IntermediateQueue.get_intermediate_queue_key, queue_keys)]
    faulty = [name for name in names if connection.type(name) not in (b"list", b"none")]
    for name in faulty:
        log.warning("refused %s: it is no queue", name)
        connection.delete(name)
    return bool(faulty)
