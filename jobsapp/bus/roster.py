"""Who works, as told in Redis by the parents of the workers, and what operators ask of them.

RQ has a register of its own. It is not used for this: it forgets everybody when Redis is emptied, knows no memory, and
is as old as a worker's last wake-up. Like all of Redis this may vanish; the next report brings it back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE, send_shutdown_command

from jobsapp.bus.guard import Guard

log = logging.getLogger(__name__)

REPORTS = "jobsapp:workers"
SEEN = "jobsapp:workers:seen"
WISHES = "jobsapp:workers:wishes"
STOP, START = "stop", "start"
KEPT_SECONDS = 600
"""For how long one that fell silent is still told of."""

# By Redis' own clock, as in `hints`. Answers what was asked of the worker.
REPORT = """
local now = redis.call('TIME')[1]
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
end
return redis.call('HGET', KEYS[3], ARGV[1])
"""


@dataclass(frozen=True)
class Report:
    """What the parent of a worker says of it every few seconds. Memory in bytes, None where it is not known."""

    name: str
    host: str
    pid: int
    """0: its place is empty, because it was stopped."""
    queues: Sequence[str]
    age_seconds: float
    """Since it was started, or stopped."""
    memory_bytes: int | None = None
    horse_bytes: int | None = None
    """Of its work-horse, with what that has started."""
    stopping: bool = False
    jobs_done: int = 0
    """How many attempts its work-horses have ended well, and how many not."""
    jobs_failed: int = 0


@dataclass(frozen=True)
class Seen:
    """A report as it was read. `silent_seconds`: how old it is. `wish`: what was asked since and not done yet."""

    report: Report
    silent_seconds: float
    wish: str | None


class Roster:
    """Reads and writes who works. Never raises when Redis is away."""

    def __init__(self, connection: Redis, guard: Guard | None = None) -> None:
        self._redis = connection
        self._guard = guard or Guard()

    def report(self, reports: Sequence[Report]) -> dict[str, str]:
        """Tell of workers; one round trip. Returns what was asked of them, by name."""
        wishes: dict[str, str] = {}

        def tell() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            for one in reports:
                pipeline.eval(REPORT, 3, REPORTS, SEEN, WISHES, one.name, json.dumps(asdict(one)), KEPT_SECONDS)
            for one, wish in zip(reports, pipeline.execute(), strict=True):
                if wish is not None:
                    wishes[one.name] = _text(wish)

        if reports:
            self._guard.attempt(tell, "nobody hears of the workers")
        return wishes

    def forget(self, names: Collection[str]) -> bool:
        """These are no more."""

        def tell() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            for key in (REPORTS, WISHES):
                pipeline.hdel(key, *names)
            pipeline.zrem(SEEN, *names)
            pipeline.execute()

        return not names or self._guard.attempt(tell, "workers that ended are still told of")

    def read(self) -> list[Seen] | None:
        """Everybody, also those that have been silent for less than KEPT_SECONDS. None: Redis is away."""
        found: list[Any] = []

        def ask() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.time()
            pipeline.zrange(SEEN, 0, -1, withscores=True)
            pipeline.hgetall(REPORTS)
            pipeline.hgetall(WISHES)
            found.extend(pipeline.execute())

        if not self._guard.attempt(ask, "who works is not known"):
            return None
        (seconds, _), seen, reports, wishes = found
        ages = {_text(name): seconds - at for name, at in seen}
        asked = {_text(name): _text(wish) for name, wish in wishes.items()}
        read = [one for text in reports.values() if (one := _read(text)) is not None]
        return [Seen(one, max(0.0, ages[one.name]), asked.get(one.name)) for one in read if one.name in ages]

    def ask_to_stop(self, name: str) -> int | None:
        """Have a worker finish or hand back its job, and end. Returns how many heard; None: Redis is away."""
        heard: list[int] = []

        def tell() -> None:
            channel = PUBSUB_CHANNEL_TEMPLATE % name
            heard.append(int(self._redis.pubsub_numsub(channel)[0][1]))
            if heard[0]:
                self._redis.hset(WISHES, name, STOP)
                send_shutdown_command(self._redis, name)

        return heard[0] if self._guard.attempt(tell, "a worker could not be asked to stop") else None

    def ask_to_start(self, name: str) -> bool:
        """Have the place of a worker that was stopped filled again. False: Redis is away."""
        return self._guard.attempt(
            lambda: self._redis.hset(WISHES, name, START), "a worker could not be asked to start"
        )


def _read(text: bytes | str) -> Report | None:
    """None for one that another version wrote."""
    try:
        return Report(**json.loads(text))
    except (TypeError, ValueError) as error:
        log.warning("a report of a worker cannot be read: %s", error)
        return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
