"""Who works, as told in Redis by the parents of the workers, and what operators ask of them.

RQ has a register of its own. It is not used for this: it forgets everybody when Redis is emptied, knows no memory, and
is as old as a worker's last wake-up. Like all of Redis this may vanish; the next report brings it back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from redis import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE, send_shutdown_command

from jobsapp.bus.guard import Guard

log = logging.getLogger(__name__)

REPORTS = "jobsapp:workers"
SEEN = "jobsapp:workers:seen"
WISHES = "jobsapp:workers:wishes"
STOP, START = "stop", "start"
KEPT_SECONDS = 600
OLDEST_SECONDS = 2 * KEPT_SECONDS
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


Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=300)]


@dataclass(frozen=True)
class Report:
    """What the parent of a worker says of it every few seconds. Memory in bytes, None where it is not known."""

    name: Name
    host: Name
    pid: Count
    """0: its place is empty, because it was stopped."""
    queues: Annotated[Sequence[Name], Field(max_length=1000)]
    age_seconds: Annotated[float, Field(ge=0, le=1e9)]
    """Since it was started, or stopped."""
    memory_bytes: Count | None = None
    horse_bytes: Count | None = None
    """Of its work-horse, with what that has started."""
    stopping: bool = False
    jobs_done: Count = 0
    """How many attempts its work-horses have ended well, and how many not."""
    jobs_failed: Count = 0


READER = TypeAdapter(Report)


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
        read = [one for name, text in reports.items() if (one := self._read(name, text)) is not None]
        return [
            Seen(one, max(0.0, ages[one.name]), asked.get(one.name))
            for one in read
            if abs(ages.get(one.name, float("inf"))) <= OLDEST_SECONDS
        ]

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

    def _read(self, name: bytes, text: bytes) -> Report | None:
        """None for what is no report, which is taken away: it is refused, and logged, once."""
        try:
            report = READER.validate_json(text)
            if report.name == _text(name):
                return report
            fault = "name"
        except ValidationError as error:
            fault = ", ".join(sorted({str(one["loc"][0]) if one["loc"] else "JSON" for one in error.errors()}))
        log.warning("refused a report of a worker: its %s is none", fault)
        self._guard.attempt(lambda: self._redis.hdel(REPORTS, name), "a report that was refused stays")
        return None


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
