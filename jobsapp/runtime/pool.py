"""`flask worker`: a parent that forks RQ workers, starts again any that ends, and says which queues it serves."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import time
from collections.abc import Sequence
from functools import partial
from types import FrameType

import psycopg

from jobsapp.bus.family import adopt_orphans, die_with, end_children
from jobsapp.bus.roster import START
from jobsapp.bus.slate import Running
from jobsapp.bus.worker import work
from jobsapp.runtime.drain import warm_horse
from jobsapp.runtime.house import House
from jobsapp.runtime.seat import RESTART_SECONDS, Seat
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.store.connect import CUT_OFF, connect
from jobsapp.store.silent import speak_for

log = logging.getLogger(__name__)

ANNOUNCE_SECONDS = 5.0
STOP_MARGIN_SECONDS = 5.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The exit status of a worker that was asked, by name, to end: nobody takes its place.
STOPPED = 3


class Pool:
    """`concurrency` worker processes on `queues`. They are forked before anything here holds a connection in use.

    One that ends is followed by another, unless an operator stopped it: its place stays empty until they ask for a
    worker there again, or this process is started anew.
    """

    def __init__(self, house: House, queues: Sequence[str], concurrency: int) -> None:
        self._house = house
        self._queues = list(queues)
        self._seats = [Seat() for _ in range(concurrency)]
        self._hints = house.hints()
        self._roster = house.roster()
        self._stopping = False
        self._wake, self._waker = os.pipe()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then let each worker finish or hand back its job."""
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        adopt_orphans()
        announced = -ANNOUNCE_SECONDS
        while not self._stopping:
            changed = [self._reap(), self._fill()]
            if any(changed) or time.monotonic() - announced >= ANNOUNCE_SECONDS:
                announced = time.monotonic()
                self._announce()
            self._sleep(RESTART_SECONDS if any(seat.waits for seat in self._seats) else ANNOUNCE_SECONDS)
        self._stop_workers()

    def _fill(self) -> bool:
        """Start what is due. Returns whether there was something."""
        due = [seat for seat in self._seats if seat.waits and time.monotonic() >= seat.not_before]
        for seat in due:
            seat.prepare()
            seat.pid = self._fork(seat)
        return bool(due)

    def _fork(self, seat: Seat) -> int:
        parent, name = os.getpid(), seat.name
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            die_with(parent)
            stopped = work(
                self._house.settings.redis_url,
                self._queues,
                name,
                make_horse=partial(warm_horse, self._house, name, counts=seat.counts),
                horse_died=self._settle,
                speak_for=self._speak_for,
            )
            status = STOPPED if stopped else 0
        except BaseException:
            log.exception("worker %s ended", name)
        finally:
            os._exit(status)

    def _settle(self, worker: str, running: Running | None) -> None:
        """Runs in the worker, whose work-horse died: see to its jobs at once.

        Waits for a database that is away: another work-horse would renew the lease of what this one had. A worker that
        is ended meanwhile renews nothing.
        """
        while True:
            try:
                with connect(self._house.settings.database_url, f"jobsapp {worker}") as connection:
                    settle_lost_jobs(connection, self._house, self._house.hints(), worker=worker, running=running)
                return
            except CUT_OFF as error:
                log.warning("PostgreSQL is away; the jobs of %s are not settled yet: %s", worker, error)
                time.sleep(RESTART_SECONDS)

    def _speak_for(self, running: Running) -> bool:
        """Runs in the worker, whose work-horse lives and is silent: renew the lease. False: the job has to stop."""
        settings = self._house.settings
        try:
            with connect(settings.database_url, "jobsapp worker") as connection:
                return speak_for(connection, running.job_id, running.attempt, lease_seconds=settings.lease_seconds)
        except psycopg.Error as error:
            log.warning("PostgreSQL is away; nobody speaks for job %s: %s", running.job_id, error)
            return True

    def _reap(self) -> bool:
        """See to the places of workers that have ended. Returns whether there are any."""
        ended = False
        for seat in self._seats:
            status = _ended(seat.pid) if seat.pid else None
            if status is not None:
                self._clear(seat, stopped=status == STOPPED)
                ended = True
        return ended

    def _clear(self, seat: Seat, *, stopped: bool) -> None:
        seat.leave(stopped=stopped and not self._stopping)
        if not self._stopping:
            log.warning("worker %s %s", seat.name, "was stopped" if stopped else "ended; starting another")
        self._hints.withdraw(seat.name, self._queues)
        if not seat.stopped:
            self._roster.forget([seat.name])
        # Its work-horse dies with it, and leaves its own children here.
        end_children(spare={seat.pid for seat in self._seats if seat.pid})

    def _announce(self) -> None:
        for seat in self._seats:
            if seat.pid:
                self._hints.announce(seat.name, self._queues)
        self._report()

    def _report(self) -> None:
        """Say how the workers are, and hear whether one that was stopped is wanted again."""
        told = [seat for seat in self._seats if seat.pid or seat.stopped]
        wishes = self._roster.report([seat.report(self._queues, stopping=self._stopping) for seat in told])
        for seat in told:
            if seat.stopped and wishes.get(seat.name) == START:
                self._roster.forget([seat.name])
                seat.stopped = False

    def _stop_workers(self) -> None:
        self._signal(signal.SIGTERM)
        self._roster.forget([seat.name for seat in self._seats if seat.stopped])
        deadline = time.monotonic() + self._house.settings.stop_grace_seconds + STOP_MARGIN_SECONDS
        reported = -ANNOUNCE_SECONDS
        while any(seat.pid for seat in self._seats) and time.monotonic() < deadline:
            if time.monotonic() - reported >= ANNOUNCE_SECONDS:
                reported = time.monotonic()
                self._report()
            self._sleep(0.2)
            self._reap()
        self._signal(signal.SIGKILL)
        end_children()

    def _signal(self, number: int) -> None:
        for seat in self._seats:
            if seat.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(seat.pid, number)

    def _sleep(self, seconds: float) -> None:
        """For that long, or until a signal comes: the end of a child is one."""
        select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake, 4096):
                pass

    def _stop_asked(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _ended(pid: int) -> int | None:
    """The exit status of a child that has ended; None while it runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return -1
    return os.waitstatus_to_exitcode(status) if found else None
