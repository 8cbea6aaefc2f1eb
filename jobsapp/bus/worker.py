"""The RQ worker. Every override of RQ's internals is in this file; they belong to RQ 3.0."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.command import send_kill_horse_command
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy

from jobsapp.bus.connection import RedisError, hints, steady

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1


class DrainWorker(Worker):
    """Takes wake-ups from Redis and lets a forked work-horse drain the queue.

    `horse_died(worker_name)` is called in the worker's own process when a work-horse ends in any way but its own
    good exit, so that its job is looked after at once and not when its lease ends.
    """

    def __init__(
        self, queues: Sequence[str], *, connection: Redis, name: str, horse_died: Callable[[str], None]
    ) -> None:
        super().__init__(list(queues), connection=connection, name=name, serializer=JSONSerializer)
        self._horse_died = horse_died
        self._horse_status: int | None = 0
        self._parent = os.getpid()

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        die_with(self._parent)
        os.environ["JOBSAPP_WORKER_NAME"] = self.name
        super().main_work_horse(job, queue)

    def wait_for_horse(self) -> tuple[int | None, int | None, Any]:
        pid, status, usage = super().wait_for_horse()
        self._horse_status = status
        return pid, status, usage

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._horse_status = None
        try:
            super().execute_job(job, queue)
        finally:
            if self._horse_status != os.EX_OK:
                self._horse_died(self.name)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """A heartbeat that fails must not end the worker, and with it the job in hand: PostgreSQL has the lease."""
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            log.warning("heartbeat not sent, Redis is away: %s", error)

    def handle_warm_shutdown_request(self) -> None:
        """Tell the work-horse too, so that it claims nothing more and hands its job back after the grace."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            os.kill(self.horse_pid, signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        # Until the drain installs its own handler, a stop asked for during the start must not kill the horse.
        super().setup_work_horse_signals()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def work(redis_url: str, queues: Sequence[str], name: str, horse_died: Callable[[str], None]) -> None:
    """Be a worker until a signal ends it. Each queue has its turn, so that none starves behind a busy one."""
    worker = DrainWorker(queues, connection=steady(redis_url), name=name, horse_died=horse_died)
    worker.work(logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, however that ends. Linux only; elsewhere the lease decides."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def kill_horse(redis_url: str, worker: str) -> bool:
    """Have `worker` kill its work-horse. False if Redis could not be told."""
    try:
        send_kill_horse_command(hints(redis_url), worker)
    except RedisError as error:
        log.warning("could not stop the work-horse of %s: %s", worker, error)
        return False
    return True
