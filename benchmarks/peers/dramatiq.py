"""Dramatiq 2 with its Redis broker, run by its own command.

SETTINGS

Left as they are: the default middleware (age and time limits, retries: what it is used with) and no result backend
(the default). The log says nothing of single jobs at its default level.

Tried: threads and `dramatiq_queue_prefetch`. A consumer that has fetched as much as it may pauses before it looks
again, so that with the default of two messages a thread empty jobs wait for the fetch: speed grew with the threads,
from 500 jobs/s with one to its best with 32, and fell again with 64. A larger prefetch does as much for fewer threads.

Dramatiq moves a message to a set of the worker's when it is fetched and deletes it when it is acknowledged, so
one whose worker died is run again after a minute without heartbeat: comparable to ours, in Valkey's durability.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from benchmarks import peer_functions
from benchmarks.peers.peer import REDIS, Peer
from benchmarks.stage import WORKERS
from jobsapp.config import Settings


def declare(url: str) -> dict[str, Any]:
    """The actors by name, on a broker that is set for this process."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=url)
    dramatiq.set_broker(broker)
    return {one.__name__: dramatiq.actor(one, broker=broker) for one in (peer_functions.empty, peer_functions.work)}


def enqueue(settings: Settings, task: str, jobs: int) -> None:
    actor = declare(settings.redis_url)[task]
    for _ in range(jobs):
        actor.send()


def _command(threads: int, prefetch: int = 0) -> list[list[str]]:
    """`prefetch` 0: Dramatiq's own choice, twice the threads."""
    command = [sys.executable, "-m", "dramatiq", __name__, "-p", str(WORKERS), "-t", str(threads)]
    return [["env", f"dramatiq_queue_prefetch={prefetch}", *command]]


PEER = Peer(
    "Dramatiq",
    find_spec("dramatiq") is not None,
    enqueue,
    {
        f"{WORKERS} processes, 8 threads each": _command(8),
        f"{WORKERS} processes, 32 threads each": _command(32),
        f"{WORKERS} processes, 8 threads each, prefetch 64": _command(8, 64),
        f"{WORKERS} processes, 1 thread each, prefetch 500": _command(1, 500),
    },
    15_000,
)

if REDIS in os.environ:
    declare(os.environ[REDIS])
