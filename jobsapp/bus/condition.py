"""How the Redis server is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from redis import Redis

from jobsapp.bus.connection import MINIMUM
from jobsapp.bus.guard import Guard


@dataclass(frozen=True)
class Condition:
    """`most_bytes`: 0 means no limit. `policy`: what it does when that is reached."""

    server: str
    """`Redis 7.2.4`, `Valkey 8.1.1`."""
    is_too_old: bool
    used_bytes: int
    most_bytes: int
    policy: str
    milliseconds: float
    """How long it took to answer."""


class Observer:
    """Looks how the server is. Share `guard` with others that ask it, so that all of them wait once if it is away."""

    def __init__(self, connection: Redis, guard: Guard) -> None:
        self._redis = connection
        self._guard = guard

    def look(self) -> Condition | None:
        """One round trip. None: it is away."""
        found: list[Condition] = []
        self._guard.attempt(lambda: found.append(self._ask()), "how it is is not known")
        return found[0] if found else None

    def _ask(self) -> Condition:
        began = time.perf_counter()
        info: dict[str, Any] = self._redis.info()
        milliseconds = (time.perf_counter() - began) * 1000
        version = str(info["redis_version"])
        own = info.get("valkey_version")
        return Condition(
            server=f"Valkey {own}" if own else f"Redis {version}",
            is_too_old=tuple(int(part) for part in version.split(".")[:2]) < MINIMUM,
            used_bytes=int(info["used_memory"]),
            most_bytes=int(info.get("maxmemory", 0)),
            policy=str(info.get("maxmemory_policy", "")),
            milliseconds=milliseconds,
        )
