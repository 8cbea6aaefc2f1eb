"""Counting in moving windows: in Redis for all processes together, in this process alone while Redis is away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis

from jobsapp.bus.guard import Guard

PREFIX = "jobsapp:windows"

T = TypeVar("T")


class Windows:
    """Never raises and never waits for a Redis that is away: what was counted there is then not known."""

    def __init__(self, connection: Redis, guard: Guard) -> None:
        self._connection = connection
        self._guard = guard

    def wait(self, limit: RateLimitItem, *key: str) -> int:
        """In how many seconds there is room for one more. 0: there is."""
        return self._ask(lambda limiter: _wait(limiter, limit, key))

    def add(self, limit: RateLimitItem, *key: str) -> None:
        """Count one more, if there is room."""
        self._ask(lambda limiter: limiter.hit(limit, *key))

    def _ask(self, question: Callable[[MovingWindowRateLimiter], T]) -> T:
        found: list[T] = []
        if self._guard.attempt(lambda: found.append(question(self._shared)), "tries are counted in this process"):
            return found[0]
        return question(self._alone)

    @cached_property
    def _shared(self) -> MovingWindowRateLimiter:
        return MovingWindowRateLimiter(
            RedisStorage("redis://", connection_pool=self._connection.connection_pool, key_prefix=PREFIX)
        )

    @cached_property
    def _alone(self) -> MovingWindowRateLimiter:
        return MovingWindowRateLimiter(MemoryStorage())


def _wait(limiter: MovingWindowRateLimiter, limit: RateLimitItem, key: tuple[str, ...]) -> int:
    if limiter.test(limit, *key):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, *key).reset_time - time.time()))
