"""Sending hints: wake-ups for queues and news of jobs.

A wake-up is an RQ job that drains its queue. There are never more of them waiting than workers that could take
them: one that still waits will see every row committed before it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from jobsapp.bus.guard import Guard
from jobsapp.bus.messages import WAKE_UP
from jobsapp.core.events import JobChanged

CHANNEL = "jobsapp:events"
LOGINS = "jobsapp:logins"
NOTICES = "jobsapp:notices"
LISTENING = "jobsapp:listening:"
PRESENCE_SECONDS = 15
# One whose worker was killed is not left for ever; one that still waits then is made anew by the keeper.
WAKE_UP_SECONDS = 3600
# By Redis' own clock: those of our hosts may differ by more than a worker's presence lasts.
PRESENT = "local now = redis.call('TIME')[1] "
COUNT = PRESENT + "return redis.call('ZCOUNT', KEYS[1], now, '+inf')"
ANNOUNCE = PRESENT + (
    "redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now)"
)


class Hints:
    """Sends hints over one Redis connection and never raises when Redis is away."""

    def __init__(self, connection: Redis) -> None:
        self._redis = connection
        self._guard = Guard()

    def wake(self, queue: str) -> bool:
        """Ask a worker to drain `queue`. False if Redis could not be told: the keeper will try again."""
        return self._try(lambda: self._wake(queue))

    def publish(self, changes: Iterable[JobChanged]) -> bool:
        """Tell everybody who watches that these jobs changed."""
        return self._try(lambda: self._publish(list(changes)))

    def logins_ended(self, user_id: UUID) -> bool:
        """Tell everybody with open sockets that a login or token of this user ended. Which one is to be read."""
        return self._try(lambda: self._redis.publish(LOGINS, str(user_id)))

    def noticed(self, user_id: UUID) -> bool:
        """Tell this user's open pages that there is something for them to tell. What it is, is to be read."""
        return self._try(lambda: self._redis.publish(NOTICES, str(user_id)))

    def announce(self, worker: str, queues: Iterable[str]) -> bool:
        """Say that `worker` listens on `queues`; holds for PRESENCE_SECONDS."""
        return self._try(lambda: self._announce(worker, list(queues)))

    def withdraw(self, worker: str, queues: Iterable[str]) -> bool:
        """Say that `worker` listens no more."""
        return self._try(lambda: self._withdraw(worker, list(queues)))

    def listening(self, queues: Iterable[str]) -> dict[str, int] | None:
        """How many workers listen on each of these queues. None: not known, Redis is away."""
        names = sorted(set(queues))
        counts: dict[str, int] = {}

        def ask() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            for name in names:
                pipeline.eval(COUNT, 1, LISTENING + name)
            counts.update(zip(names, pipeline.execute(), strict=True))

        return counts if self._try(ask) else None

    def _wake(self, queue: str) -> None:
        rq_queue = Queue(queue, connection=self._redis, serializer=JSONSerializer)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.llen(rq_queue.key)
        pipeline.eval(COUNT, 1, LISTENING + queue)
        waiting, listening = pipeline.execute()
        if waiting < max(1, listening):
            rq_queue.enqueue_call(WAKE_UP, timeout=-1, result_ttl=0, ttl=WAKE_UP_SECONDS)

    def _publish(self, changes: list[JobChanged]) -> None:
        if changes:
            self._redis.publish(CHANNEL, encode(changes))

    def _announce(self, worker: str, queues: list[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for queue in queues:
            pipeline.eval(ANNOUNCE, 1, LISTENING + queue, worker, PRESENCE_SECONDS)
        pipeline.execute()

    def _withdraw(self, worker: str, queues: list[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for queue in queues:
            pipeline.zrem(LISTENING + queue, worker)
        pipeline.execute()

    def _try(self, action: Callable[[], object]) -> bool:
        return self._guard.attempt(action, "a hint was not sent")


def encode(changes: Iterable[JobChanged]) -> str:
    """One message for changes that were committed together: `job organization event revision`, a line each."""
    return "\n".join([f"{one.job_id.hex} {one.organization_id.hex} {one.event} {one.revision}" for one in changes])
