"""Counting calls in Redis, for all processes together; without Redis each process counts for itself."""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import Any

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import NoScriptError

from jobsapp.bus import connection
from jobsapp.bus.guard import Guard
from jobsapp.core.rates import Rate, Standing

PREFIX = "jobsapp:rate"


class Rates:
    """Moving windows: within any `seconds` no more than `amount`, and what was refused does not count.

    The library asks twice, for leave and for what is left; its two scripts are sent here in one round trip.
    """

    def __init__(self, url: str) -> None:
        self._redis = connection.hints(url)
        self._storage = RedisStorage(url, connection_pool=self._redis.connection_pool, key_prefix=PREFIX)
        self._guard = Guard()

    def count(self, key: str, rate: Rate) -> Standing:
        """Count a call of whoever has this key. Never raises, and waits for a Redis that is away once a second."""
        found: list[Standing] = []
        if self._guard.attempt(lambda: found.append(self._in_redis(key, rate)), "calls are counted by each process"):
            return found[0]
        return self._in_memory(key, rate)

    def forgive(self, key: str) -> None:
        """Let the newest call of whoever has this key not have counted. Never raises."""
        name = self._storage.prefixed_key(key)
        if not self._guard.attempt(lambda: self._redis.lpop(name), "calls are counted by each process"):
            del self._kept.events.get(key, [])[:1]

    def _in_redis(self, key: str, rate: Rate) -> Standing:
        now = time.time()
        try:
            taken, window = self._ask(key, rate, now)
        except NoScriptError:
            self._redis.script_load(RedisStorage.SCRIPT_ACQUIRE_MOVING_WINDOW)
            self._redis.script_load(RedisStorage.SCRIPT_MOVING_WINDOW)
            taken, window = self._ask(key, rate, now)
        begin, used = (float(window[0]), int(window[1])) if window else (now, 0)
        return _standing(rate, now, begin + rate.seconds, rate.amount - used, refused=not taken)

    def _ask(self, key: str, rate: Rate, now: float) -> list[Any]:
        name = self._storage.prefixed_key(key)
        acquire, window = self._storage.lua_acquire_moving_window, self._storage.lua_moving_window
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.evalsha(acquire.sha, 1, name, now, rate.amount, rate.seconds, 1)
        pipeline.evalsha(window.sha, 1, name, now - rate.seconds, rate.amount)
        answers: list[Any] = pipeline.execute()
        return answers

    @cached_property
    def _memory(self) -> MovingWindowRateLimiter:
        return MovingWindowRateLimiter(self._kept)

    @cached_property
    def _kept(self) -> MemoryStorage:
        return MemoryStorage()

    def _in_memory(self, key: str, rate: Rate) -> Standing:
        item = RateLimitItemPerSecond(rate.amount, rate.seconds)
        taken = self._memory.hit(item, key)
        ends, left = self._memory.get_window_stats(item, key)
        return _standing(rate, time.time(), ends, left, refused=not taken)


def _standing(rate: Rate, now: float, ends: float, left: int, *, refused: bool) -> Standing:
    seconds = min(rate.seconds, max(1, math.ceil(ends - now)))
    return Standing(rate, 0 if refused else max(0, left), seconds, refused)
