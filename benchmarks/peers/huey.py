"""Huey 3 with RedisHuey, run by its own consumer.

SETTINGS

`RedisHuey` is the list, cheaper than the sorted set of `PriorityRedisHuey`; it waits with BRPOP (`blocking`, the
default). Results: the default, which stores nothing for a task that returns None, so nothing is kept here. `-q`:
no lines of log for each job; `-n`: no periodic tasks. The default is one thread. On two cores two to four processes
were best and two threads about as good; eight threads, and two consumers of one or two threads each, were slower.

Huey takes a task off the list for good when it starts it: a task whose worker dies is lost. Ours, RQ and Dramatiq
find it again, which costs them what Huey saves.
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


def declare(url: str) -> tuple[Any, dict[str, Any]]:
    """The instance and its tasks by name."""
    from huey import RedisHuey

    instance = RedisHuey("bench", url=url)
    return instance, {one.__name__: instance.task()(one) for one in (peer_functions.empty, peer_functions.work)}


def enqueue(settings: Settings, task: str, jobs: int) -> None:
    _, tasks = declare(settings.redis_url)
    for _ in range(jobs):
        tasks[task]()


def _command(kind: str, workers: int) -> list[list[str]]:
    consumer = [sys.executable, "-m", "huey.bin.huey_consumer", f"{__name__}.huey"]
    return [[*consumer, "-k", kind, "-w", str(workers), "-q", "-n"]]


ONE_EACH = f"{WORKERS} of kind process"

PEER = Peer(
    "Huey",
    find_spec("huey") is not None,
    enqueue,
    {
        ONE_EACH: _command("process", WORKERS),
        f"{2 * WORKERS} of kind process": _command("process", 2 * WORKERS),
        f"{WORKERS} of kind thread": _command("thread", WORKERS),
    },
    10_000,
)

if REDIS in os.environ:
    huey, _ = declare(os.environ[REDIS])
