"""The RQ worker. Every override of RQ's internals is in this file; they belong to RQ 3.0.

RQ brings the queue, registration, commands (stop, kill) and warm shutdown. The work-horse is ours: forked once and
kept warm, with its connections open, for as long as it stays healthy. RQ hands over a wake-up, the horse drains that
queue. So RQ's own bookkeeping of jobs (status, results, retries) is not used: PostgreSQL has the truth.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.command import handle_shutdown_command
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import DequeueStrategy, WorkerStatus
from rq.worker_registration import clean_worker_registry

from jobsapp.bus.connection import RedisError, steady
from jobsapp.bus.family import adopt_orphans, die_with, end_children, ends, is_stopped
from jobsapp.bus.messages import SHUTDOWN, Refused, read_order
from jobsapp.bus.slate import Running, Slate
from jobsapp.bus.wake_ups import WakeUp, WakeUps

log = logging.getLogger(__name__)

Drain = Callable[[str], bool]
"""Drains the queue of that name. True: this work-horse has had its day, let another take its place."""
MakeHorse = Callable[[Slate], AbstractContextManager[Drain]]

HEARTBEAT_SECONDS = 30.0
LOOK_SECONDS = 0.25
# The horse itself comes first.
MARGIN_SECONDS = 0.5
SILENT_SECONDS = 0.5
SPEAK_SECONDS = 1.0
TTL_SECONDS = 60
DONE, RETIRED = b"d", b"r"


class DrainWorker(Worker):
    """Takes wake-ups from Redis and has a warm work-horse drain the queue.

    `make_horse(slate)` is entered in the work-horse's process, which writes what it runs on the slate.
    `horse_died(worker_name, running)` is called in the worker's own when a work-horse ends in any way but its own
    good exit, so that its job is looked after at once. While the horse lives and is silent, because a library holds
    its interpreter, `speak_for(running)` gives signs of life for it; False: the job has to stop. A job that has to
    and does not is killed with its horse from here, if the horse cannot do it.
    """

    job_class = WakeUp
    queue_class = WakeUps
    # RQ would double its pause up to a minute: too long for those who wait.
    max_connection_wait_time = 2.0

    def __init__(
        self,
        queues: Sequence[str],
        *,
        connection: Redis,
        name: str,
        make_horse: MakeHorse,
        horse_died: Callable[[str, Running | None], None],
        speak_for: Callable[[Running], bool],
    ) -> None:
        super().__init__(
            list(queues), connection=connection, name=name, serializer=JSONSerializer, worker_ttl=TTL_SECONDS
        )
        self._make_horse = make_horse
        self._report_death = horse_died
        self._speak_for = speak_for
        self._slate = Slate()
        self._spoke_at = 0.0
        self._line: socket.socket | None = None
        self.was_stopped = False
        """A command through Redis asked it to end."""

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
            with suppress(OSError):
                # It does so too: whoever is first. Until then its group is ours.
                os.setpgid(self._horse_pid, self._horse_pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            other.close()
        return self._line

    def handle_warm_shutdown_request(self) -> None:
        """Tell the work-horse too, so that it claims nothing more and hands its job back after the grace."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """A second wish to end kills the work-horse. A deploy after an operator's stop is none: the grace runs."""
        if not (self.was_stopped and signum == signal.SIGTERM):
            super().request_force_stop(signum, frame)

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
            running = self._slate.read()
            self._slate.end()
            log.warning("the work-horse of %s died", self.name)
            self._report_death(self.name, running)

    def _await_answer(self, line: socket.socket) -> bytes:
        """The horse's answer; nothing if it died. Its children may hold the line open, so it is looked after too."""
        beat = time.monotonic()
        while not select.select([line], [], [], LOOK_SECONDS)[0]:
            if ends(self.horse_pid, wait=False):
                return b""
            self._look_after_horse()
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                beat = time.monotonic()
                with suppress(RedisError):
                    self.heartbeat()
        return _receive(line)

    def _look_after_horse(self) -> None:
        """What the pulse does, for a horse whose pulse cannot."""
        running, now = self._slate.read(), time.monotonic()
        if running is None:
            return
        silent = now - running.looked_at > SILENT_SECONDS and now - self._spoke_at > SPEAK_SECONDS
        overdue = now > running.kill_at + MARGIN_SECONDS
        # Who is stopped does no work, nor does who is killed and waits in the kernel for ever: their lease may end.
        if silent and not overdue and not is_stopped(self.horse_pid):
            self._spoke_at = now
            if not self._speak_for(running) and not running.told_at:
                self._slate.told()
        if overdue and self._slate.read() == running:
            log.warning("job %s does not stop; killing the work-horse of %s", running.job_id, self.name)
            self.kill_horse()

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Kill the work-horse and its process group."""
        if self.horse_pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.horse_pid, sig)

    def handle_payload(self, message: dict[str, Any]) -> None:
        """An order through Redis. To kill the horse because of a job is right only while it runs that job."""
        try:
            order = read_order(message["data"])
        except Refused as error:
            log.warning("refused an order to %s: %s", self.name, error)
            return
        running = self._slate.read()
        if order.command == SHUTDOWN:
            self.was_stopped = True
            handle_shutdown_command(self)
        elif running is not None and running.job_id == order.job_id:
            self.kill_horse()

    def run_maintenance_tasks(self) -> None:
        """RQ's own would call back what jobs in Redis name. All that is left behind here are ids and names."""
        self.last_cleaned_at = now()  # type: ignore[assignment]
        with suppress(RedisError, ValueError):
            for queue in self.queues:
                clean_worker_registry(queue)
                self.connection.delete(IntermediateQueue.get_intermediate_queue_key(queue.key))

    def check_for_suspension(self, burst: bool) -> None:
        """A key of Redis suspends nobody: pauses are rows."""

    def _be_horse(self, line: socket.socket, parent: int) -> None:
        """The work-horse's life: from the fork to `os._exit`."""
        status = 1
        try:
            self._is_horse = True
            os.setpgrp()
            die_with(parent)
            adopt_orphans()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # The worker's own connections: a message read here would be lost there.
            self.connection.connection_pool.disconnect()
            random.seed()
            # What is there now stays: the collector need not walk through it again and again.
            gc.freeze()
            with self._make_horse(self._slate) as drain:
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
        """Let the work-horse end, wait for that, and end what it started: at rest it ends when the line is closed."""
        if self._line is None:
            return
        self._line.close()
        self._line = None
        ends(self.horse_pid, wait=True)
        self.kill_horse()
        with suppress(ChildProcessError):
            os.waitpid(self.horse_pid, 0)
        self._horse_pid = 0
        if not end_children():
            log.warning("a process that a job of %s started does not end", self.name)

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
    make_horse: MakeHorse,
    horse_died: Callable[[str, Running | None], None],
    speak_for: Callable[[Running], bool],
) -> bool:
    """Be a worker until a signal or a command ends it. Each queue has its turn, so that none starves behind a busy one.

    Returns whether it was a command: then it is not to be followed by another.
    """
    adopt_orphans()
    worker = DrainWorker(
        queues,
        connection=steady(redis_url),
        name=name,
        make_horse=make_horse,
        horse_died=horse_died,
        speak_for=speak_for,
    )
    worker.saddle()
    worker.work(logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    return worker.was_stopped


def _receive(line: socket.socket) -> bytes:
    """One byte of answer; nothing if the other end is gone."""
    try:
        return line.recv(1)
    except OSError:
        return b""
