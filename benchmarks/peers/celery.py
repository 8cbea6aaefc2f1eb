"""Celery 5 with Redis as broker and as backend: a group, and a chord's body after it.

SETTINGS

- `prefork`, the default pool, with WORKERS processes; `worker_prefetch_multiplier` and acknowledgement: the defaults
  (a task is acknowledged before it runs, so one whose worker dies is lost; ours and RQ's are found again).
- Results are kept, as a chord needs them. No events, no gossip between workers, no log of each task.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from benchmarks.peer_functions import ran
from benchmarks.peers.peer import REDIS
from benchmarks.stage import WORKERS
from jobsapp.config import Settings

INSTALLED = find_spec("celery") is not None
COMMAND = [
    *(sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery:app", "worker", "--loglevel", "error"),
    *("--concurrency", str(WORKERS), "--without-gossip", "--without-mingle", "--without-heartbeat"),
]


def make_app(url: str) -> Any:
    from celery import Celery

    made = Celery("peer", broker=url, backend=url)
    made.conf.broker_connection_retry_on_startup = True

    @made.task(name="peer.empty")
    def empty(*_: Any) -> None:
        ran()

    return made


app = make_app(os.environ[REDIS]) if INSTALLED and REDIS in os.environ else None


def fan(settings: Settings, jobs: int) -> None:
    """One task, then a group of so many, then one."""
    from celery import chain, chord

    client = make_app(settings.redis_url)
    # Who asks does not wait for results: no subscription for each task.
    client.backend.on_task_call = lambda *_: None
    empty = client.tasks["peer.empty"]
    chain(empty.si(), chord([empty.si() for _ in range(jobs)], empty.si())).apply_async()
