"""The RQ worker. Every override of RQ's internals is in this file; they belong to RQ 3.0.

RQ brings the queue, registration, commands (stop, kill) and warm shutdown. The work-horse is ours: forked once and
kept warm, with its connections open, for as long as it stays healthy. RQ hands over a wake-up, the horse drains that
queue. So RQ's own bookkeeping of jobs (status, results, retries) is not used: PostgreSQL has the truth.
"""

from __future__ import annotations

import ctypes
import logging
import os
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress

from redis import Redis
from rq import Queue, Worker
from rq.command import send_kill_horse_command
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy, WorkerStatus

from jobsapp.bus.connection import RedisError, hints, steady

log = logging.getLogger(__name__)

Drain = Callable[[str], bool]
"""Drains the queue of that name. True: this work-horse has had its day, let another take its place."""

PR_SET_PDEATHSIG = 1
HEARTBEAT_SECONDS = 30.0
LOOK_SECONDS = 0.5
TTL_SECONDS = 60
DONE, RETIRED = b"d", b"r"


class DrainWorker(Worker):
    """Takes wake-ups from Redis and has a warm work-horse drain the queue.

    `make_horse()` is entered in the work-horse's process. `horse_died(worker_name)` is called in the worker's own
    when a work-horse ends in any way but its own good exit, so that its job is looked after at once.
    """

    # RQ would double its pause up to a minute: too long for those who wait.
    max_connection_wait_time = 2.0

    def __init__(
        self,
        queues: Sequence[str],
        *,
        connection: Redis,
        name: str,
        make_horse: Callable[[], AbstractContextManager[Drain]],
        horse_died: Callable[[str], None],
    ) -> None:
        super().__init__(
            list(queues), connection=connection, name=name, serializer=JSONSerializer, worker_ttl=TTL_SECONDS
        )
        self._make_horse = make_horse
        self._report_death = horse_died
        self._line: socket.socket | None = None

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._tell(WorkerStatus.BUSY)
        try:
            self._drain(queue.name)
        finally:
            self._forget(job, queue)
            self._tell(WorkerStatus.IDLE)

    def saddle(self) -> socket.socket:
        """The line to the work-horse; forks one if there is none."""
        if self._line is None:
            self._line, other = socket.socketpair()
            parent = os.getpid()
            # A stop that comes before the horse has a handler for it is kept until it has.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            self._horse_pid = os.fork()
            if not self._horse_pid:
                self._line.close()
                self._be_horse(other, parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            other.close()
        return self._line

    def handle_warm_shutdown_request(self) -> None:
        """Tell the work-horse too, so that it claims nothing more and hands its job back after the grace."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def teardown(self) -> None:
        self._dismiss()
        with suppress(RedisError):
            super().teardown()

    def _drain(self, queue: str) -> None:
        line = self.saddle()
        try:
            line.sendall(f"{queue}\n".encode())
        except OSError:
            # It died at rest, so no job went with it.
            self._dismiss()
            line = self.saddle()
            line.sendall(f"{queue}\n".encode())
        answer = self._await_answer(line)
        if answer != DONE:
            self._dismiss()
        if not answer:
            log.warning("the work-horse of %s died", self.name)
            self._report_death(self.name)

    def _await_answer(self, line: socket.socket) -> bytes:
        """The horse's answer; nothing if it died. Its children may hold the line open, so it is looked after too."""
        beat = time.monotonic()
        while not select.select([line], [], [], LOOK_SECONDS)[0]:
            if self._has_ended():
                return b""
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                beat = time.monotonic()
                with suppress(RedisError):
                    self.heartbeat()
        return _receive(line)

    def _has_ended(self) -> bool:
        """Whether the work-horse is gone. Its process group goes with it."""
        try:
            if os.waitpid(self.horse_pid, os.WNOHANG)[0] == 0:
                return False
        except ChildProcessError:
            pass
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.horse_pid, signal.SIGKILL)
        return True

    def _be_horse(self, line: socket.socket, parent: int) -> None:
        """The work-horse's life: from the fork to `os._exit`."""
        status = 1
        try:
            self._is_horse = True
            os.setpgrp()
            die_with(parent)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # The worker's own connections: a message read here would be lost there.
            self.connection.connection_pool.disconnect()
            random.seed()
            with self._make_horse() as drain:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                for name in line.makefile("rb"):
                    retires = drain(name.decode().rstrip("\n"))
                    line.sendall(RETIRED if retires else DONE)
                    if retires:
                        break
            status = 0
        except BaseException:
            log.exception("a work-horse of %s broke", self.name)
        finally:
            os._exit(status)

    def _dismiss(self) -> None:
        """Let the work-horse end, and wait for that: at rest it ends when the line is closed."""
        if self._line is None:
            return
        self._line.close()
        self._line = None
        with suppress(ChildProcessError):
            os.waitpid(self.horse_pid, 0)
        self._horse_pid = 0

    def _forget(self, job: Job, queue: Queue) -> None:
        """The wake-up has done its work."""
        with suppress(RedisError):
            pipeline = self.connection.pipeline(transaction=False)
            pipeline.delete(job.key)
            pipeline.lrem(IntermediateQueue.get_intermediate_queue_key(queue.key), 1, job.id)
            pipeline.execute()

    def _tell(self, state: WorkerStatus) -> None:
        with suppress(RedisError):
            self.set_state(state)
        self._state = state


def work(
    redis_url: str,
    queues: Sequence[str],
    name: str,
    *,
    make_horse: Callable[[], AbstractContextManager[Drain]],
    horse_died: Callable[[str], None],
) -> None:
    """Be a worker until a signal ends it. Each queue has its turn, so that none starves behind a busy one."""
    worker = DrainWorker(queues, connection=steady(redis_url), name=name, make_horse=make_horse, horse_died=horse_died)
    worker.saddle()
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


def _receive(line: socket.socket) -> bytes:
    """One byte of answer; nothing if the other end is gone."""
    try:
        return line.recv(1)
    except OSError:
        return b""
