"""The pulse: a thread that writes what a running job says, renews its lease and learns whether to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import Any

import psycopg

from jobsapp.bus.hints import Hints
from jobsapp.bus.slate import Slate
from jobsapp.core.events import Event, JobChanged
from jobsapp.runtime.batch import Batch, handed_back
from jobsapp.runtime.context import JobContext
from jobsapp.runtime.durations import Durations
from jobsapp.runtime.interrupts import Interrupts
from jobsapp.runtime.ledger import tell
from jobsapp.store.connect import connect
from jobsapp.store.jobs import Pulse, pulse_job
from jobsapp.store.metrics import add_metrics
from jobsapp.store.turns import take_turn

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
INTERVAL_SECONDS = 0.25
HAND_BACK_SECONDS = 0.15
SIGN_OF_LIFE_SECONDS = 1.0


class Heart:
    """Beats for one work-horse; `watch` names the job it beats for, `release` ends that.

    While nothing changed it still asks once in SIGN_OF_LIFE_SECONDS, because that is how it learns of a cancel. What
    was claimed with a job that turns out long it hands back, and it writes what came of those that ran before.
    A processor that does not stop when it has to is killed with its process, after its grace.
    """

    def __init__(
        self,
        database_url: str,
        hints: Hints,
        batch: Batch,
        interrupts: Interrupts,
        slate: Slate,
        durations: Durations,
        *,
        lease_seconds: float,
    ) -> None:
        self._database_url = database_url
        self._hints = hints
        self._batch = batch
        self._interrupts = interrupts
        self._slate = slate
        self._durations = durations
        self._lease = lease_seconds
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        # The last points of a job are written by the thread that ran it.
        self._connecting = threading.Lock()
        self._context: JobContext | None = None
        self._since = self._last_beat = 0.0
        self._called = False
        self._told_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._keep_durations()
        self._disconnect()

    def watch(self, context: JobContext) -> None:
        with self._lock:
            self._context, self._since, self._told_at = context, time.monotonic(), None
            self._last_beat, self._called = self._since, False

    def release(self) -> None:
        """Once this returns, nothing more is written for the job."""
        if self._context is None:
            return
        with self._lock:
            self._measure_safely(self._context)
            self._context = None
            self._slate.end()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._slate.looked(time.monotonic())
            # Whatever happens, later jobs need the heart too.
            try:
                self._look()
            except MemoryError:
                # The job took all there was: even a line of log may be too much now.
                continue
            except Exception:
                log.exception("the pulse stumbled")

    def _look(self) -> None:
        self._relieve()
        if self._durations.due:
            self._keep_durations()
        with self._lock:
            if self._context is not None:
                self._hurry(self._context)
                self._call_others(self._context)
                self._beat_safely(self._context)

    def _call_others(self, context: JobContext) -> None:
        """Jobs made in one call leave one wake-up: a worker that has one for long sees to it that others join."""
        if not self._called and time.monotonic() - self._since > HAND_BACK_SECONDS:
            self._called = True
            self._hints.wake(context.queue)

    def _relieve(self) -> None:
        """Hand back what waits behind a long job."""
        if not self._batch.waits_longer_than(HAND_BACK_SECONDS):
            return
        ended = [*self._batch.take_ended(), *map(handed_back, self._batch.take_waiting())]
        try:
            tell(self._hints, take_turn(self._connected(), ended), ended)
        except (psycopg.Error, MemoryError) as error:
            self._batch.add(*ended)
            log.warning("%s jobs could not be handed back; the work-horse does it later: %s", len(ended), error)
            self._disconnect()

    def _keep_durations(self) -> None:
        try:
            self._durations.write(self._connected)
        except psycopg.Error as error:
            log.warning("how long jobs took was not written: %s", error)
            self._disconnect()

    def _beat_safely(self, context: JobContext) -> None:
        """Whatever a processor says, the heart of the work-horse goes on: later jobs need it too."""
        try:
            self._beat(context)
        except Exception:
            log.exception("a pulse of job %s failed", context.job_id)

    def _beat(self, context: JobContext) -> None:
        now = time.monotonic()
        if now - self._last_beat < INTERVAL_SECONDS:
            return
        measured = self._measure_safely(context)
        pulse = context.take()
        if measured:
            pulse = pulse._replace(changed=True)
        if not pulse.changed and pulse.checkpoint is None and now - self._last_beat < SIGN_OF_LIFE_SECONDS:
            return
        try:
            self._write(context, pulse)
            self._last_beat = now
        except psycopg.DataError as error:
            # It will not get better by being said again.
            log.warning("job %s said what PostgreSQL cannot hold; dropped: %s", context.job_id, error)
        except psycopg.Error as error:
            log.warning("no pulse for job %s: %s", context.job_id, error)
            context.untake(pulse)
            self._disconnect()

    def _measure_safely(self, context: JobContext) -> bool:
        """Write what was measured. Returns whether there was something. A job does not fail for its chart."""
        points = context.take_points()
        if not points:
            return False
        try:
            add_metrics(self._connected(), context.job_id, context.attempt, points)
        except (psycopg.Error, MemoryError) as error:
            log.warning("what job %s measured is not written yet: %s", context.job_id, error)
            context.untake_points(points)
            self._disconnect()
        return True

    def _write(self, context: JobContext, pulse: Pulse) -> None:
        beat = pulse_job(self._connected(), context.job_id, context.attempt, pulse, lease_seconds=self._lease)
        if beat is None:
            log.warning("job %s was given to another worker; stopping", context.job_id)
            context.lost = True
            self._tell_to_stop()
            return
        if beat.cancel_requested and not context.cancelled:
            context.cancelled = True
            self._tell_to_stop()
        if pulse.changed:
            change = JobChanged(context.job_id, context.organization_id, Event.UPDATE, beat.revision)
            self._hints.publish([change])

    def _tell_to_stop(self) -> None:
        if self._told_at is None:
            self._told_at = time.monotonic()
            self._slate.told()

    def _hurry(self, context: JobContext) -> None:
        """Interrupt a processor that has to stop; after its grace kill its process. The worker settles the job."""
        now = time.monotonic()
        deadline = context.deadline
        overran = deadline is not None and now >= deadline
        if overran or context.lost:
            context.timed_out = True
        if overran or context.lost:
            self._interrupts.look()
        moments = [moment for moment in (self._told_at, deadline) if moment is not None]
        if moments and now > min(moments) + context.grace:
            # Its children are killed by the worker, which also writes the log: here a lock may be held for ever.
            os.kill(os.getpid(), signal.SIGKILL)

    def _connected(self) -> psycopg.Connection[Any]:
        with self._connecting:
            if self._connection is None:
                self._connection = connect(self._database_url, "jobsapp pulse")
            return self._connection

    def _disconnect(self) -> None:
        with self._connecting:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
