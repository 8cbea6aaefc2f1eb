"""RQ 3, with two of its classes of worker.

SETTINGS

- `Worker`, the default, forks for every job: one that crashes, leaks or runs too long takes nothing along. RQ's notes
  on performance advise it for production.
- `SimpleWorker` runs jobs in its own process. The notes call it about six times as fast for empty jobs, and allow it
  in production for jobs of milliseconds that are fully trusted. Ours is between the two: a work-horse apart from the
  worker, but the same one for many jobs.

`-q`: no line of log for each job. JSON, as for our own wake-ups. Results: the default, kept for 500 seconds.

RQ moves a job to an intermediate list when it takes it and keeps a registry of those that were started, so one whose
worker died is found again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from rq import Queue
from rq.cli import main as rq_cli
from rq.serializers import JSONSerializer

from benchmarks.peers.peer import REDIS, Peer
from benchmarks.stage import WORKERS, processes, until
from jobsapp.config import Settings

NAME = "peer"
CHUNK = 1000
FORKING = "fork for each job"


def queue(settings: Settings) -> Queue:
    return Queue(NAME, connection=redis.Redis.from_url(settings.redis_url), serializer=JSONSerializer)


def enqueue(settings: Settings, task: str, jobs: int) -> None:
    filled = queue(settings)
    for start in range(0, jobs, CHUNK):
        chunk = min(CHUNK, jobs - start)
        filled.enqueue_many([Queue.prepare_data(f"benchmarks.peer_functions.{task}") for _ in range(chunk)])


def _commands(worker_class: str) -> list[list[str]]:
    return [[sys.executable, "-m", "benchmarks.peers.rq", f"rq.worker.{worker_class}"]] * WORKERS


PEERS = [
    Peer("RQ Worker", True, enqueue, {FORKING: _commands("Worker")}, 400),
    Peer("RQ SimpleWorker", True, enqueue, {"no fork": _commands("SimpleWorker")}, 3000),
]


@contextmanager
def workers(settings: Settings) -> Iterator[None]:
    """RQ's own workers, ready to work."""
    client = redis.Redis.from_url(settings.redis_url)
    client.flushdb()
    with processes(PEERS[0].ways[FORKING], {REDIS: settings.redis_url}) as check:
        until(lambda: client.scard(f"rq:workers:{NAME}") == WORKERS, check=check)
        yield


def main() -> None:
    """`rq worker`, with the address from the environment: on a command line everybody could read its password."""
    rq_cli(["worker", "-u", os.environ[REDIS], "-S", "rq.serializers.JSONSerializer", "-w", sys.argv[1], "-q", NAME])


if __name__ == "__main__":
    main()
