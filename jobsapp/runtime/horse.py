"""The work-horse: claims jobs of a queue, runs them one after the other, and has written what came of each."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from uuid import UUID

from jobsapp.bus.family import children, end_children, has_children
from jobsapp.bus.slate import Slate
from jobsapp.core.outcomes import Failed, Outcome, Succeeded, Transition, completed, decide
from jobsapp.core.states import TERMINAL, Status
from jobsapp.processors.sdk import InputFile, ParentJob
from jobsapp.runtime.batch import Batch, Pace, handed_back
from jobsapp.runtime.context import JobContext, LeaseLost, MadeFile
from jobsapp.runtime.counts import Counts
from jobsapp.runtime.durations import Durations
from jobsapp.runtime.executor import execute, failure_of, timeout_of
from jobsapp.runtime.house import House
from jobsapp.runtime.interrupts import Interrupts
from jobsapp.runtime.ledger import Ledger
from jobsapp.runtime.pulse import Heart
from jobsapp.runtime.settle import attempt_facts
from jobsapp.runtime.usage import Meter
from jobsapp.store import files as file_store
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.passages import Writer
from jobsapp.store.relatives import parents_with_results
from jobsapp.store.turns import Ended

log = logging.getLogger(__name__)

TURN_SECONDS = 10.0
LIFE_SECONDS = 3600.0
LIFE_JOBS = 500_000
LIFE_BYTES = 384 * 1024 * 1024


class Horse:
    """One per process, in the process's main thread, with connections of its own. Use it in a `with` block."""

    def __init__(self, house: House, worker: str, slate: Slate | None = None, counts: Counts | None = None) -> None:
        self._house = house
        self._hints = house.hints()
        settings = house.settings
        self._slate = slate or Slate()
        self._counts = counts or Counts()
        self._interrupts = Interrupts(self._slate)
        self._batch = Batch(lease_seconds=settings.lease_seconds)
        self._meter = Meter()
        self._durations = Durations(worker)
        self._threads = settings.job_threads
        self._ledger = Ledger(house, self._hints, worker)
        self._heart = Heart(
            settings.database_url,
            self._hints,
            self._batch,
            self._interrupts,
            self._slate,
            self._durations,
            lease_seconds=settings.lease_seconds,
        )
        self._born = time.monotonic()
        self._born_bytes = resident_bytes()
        self._jobs_done = 0
        self._stopping = False
        self._family = children()
        self._has_lasting_children = False

    def __enter__(self) -> Horse:
        self._pid = os.getpid()
        self._interrupts.__enter__()
        self._heart.start()
        self._old_handler = signal.signal(signal.SIGTERM, self._stop_asked)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._old_handler)
        self._interrupts.__exit__()
        self._heart.stop()
        self._ledger.close()

    @property
    def has_had_its_day(self) -> bool:
        """Whether another process should take its place: libraries leak, and memory once used is seldom given back."""
        if self._interrupts.ever_raised or self._has_lasting_children:
            return True
        old = time.monotonic() - self._born > LIFE_SECONDS
        grown = resident_bytes() - self._born_bytes
        return old or self._jobs_done >= LIFE_JOBS or grown > LIFE_BYTES

    def drain(self, queue: str) -> int:
        """Run due jobs of `queue` until there are none, the turn is over or a stop is asked. Returns how many ran."""
        asked_at = time.monotonic()
        end, pace, done = asked_at + TURN_SECONDS, Pace(), 0
        self._family = children() if has_children() else set()
        jobs = [] if self._stopping else self._ledger.claim(queue, pace.size)
        while jobs:
            began = time.monotonic()
            self._meter.begin()
            self._batch.fill(jobs, asked_at=asked_at)
            ran = self._run_batch()
            pace.took(ran, time.monotonic() - began)
            done += ran
            self._jobs_done += ran
            asked_at = time.monotonic()
            over = self._stopping or time.monotonic() > end or self.has_had_its_day
            jobs = self._ledger.write(self._batch.take_ended(), queue, 0 if over else pace.size)
            if over or (jobs and done == 1):
                # There is more to do than one worker does at once: let another one join, which does the same.
                self._hints.wake(queue)
        return done

    def _run_batch(self) -> int:
        """Run what was claimed, but for what the pulse takes away meanwhile. Returns how many ran."""
        ran = 0
        while job := self._batch.next():
            self._perform(job)
            ran += 1
            if self._stopping:
                self._batch.add(*map(handed_back, self._batch.take_waiting()))
        return ran

    def _perform(self, job: ClaimedJob) -> None:
        storage = self._house.storage
        began_at = time.monotonic()
        timeout, grace = self._limits(job)
        context = JobContext(
            job,
            make_workdir=lambda: storage.make_workdir(f"{job.id}.{job.attempt}"),
            make_keepdir=lambda: storage.make_keepdir(job.id),
            find_file=lambda file_id: self._find_file(job.organization_id, file_id),
            find_parents=lambda: self._find_parents(job),
            threads=self._threads,
            passages=Writer(lambda: self._ledger.connection, job.id, job.attempt, job.organization_id),
            deadline=None if timeout is None else began_at + timeout,
            grace=grace,
        )
        try:
            self._slate.begin(job.id, job.attempt, timeout=timeout, deadline=context.deadline, grace=grace)
            self._heart.watch(context)
            outcome = self._run(job, context)
            self._heart.release()
            ended = self._ended(job, context, outcome, began_at)
            done = ended.transition.status is Status.COMPLETED
            if done or ended.transition.failure is not None:
                self._counts.add(done=done)
            if done and job.checkpoint is None:
                self._durations.add(job.type, time.monotonic() - began_at)
            if (done and context.made) or context.may_have_kept:
                self._finish_with_files(job, context, ended, context.made if done else [])
            else:
                self._batch.add(ended)
        except LeaseLost:
            log.warning("job %s attempt %s belongs to another worker now; nothing written", job.id, job.attempt)
        finally:
            self._heart.release()
            context.close()

    def _run(self, job: ClaimedJob, context: JobContext) -> Outcome:
        try:
            return execute(self._house.registry, job, context, self._interrupts, self._house.sealer)
        finally:
            if has_children():
                self._end_children(job)

    def _limits(self, job: ClaimedJob) -> tuple[float | None, float]:
        """Seconds that the attempt may take, and seconds that it has to stop when it is told to."""
        job_type = self._house.registry.find(job.type)
        grace = None if job_type is None else job_type.processor.cancel_grace
        return timeout_of(job, job_type), self._house.settings.cancel_grace_seconds if grace is None else grace

    def _end_children(self, job: ClaimedJob) -> None:
        """Kill what the job started and left behind, but for the helpers of `multiprocessing`, which last."""
        if not end_children(self._family, multiprocessing_helpers()):
            log.warning("a process that job %s left behind does not end; this work-horse does", job.id)
            self._has_lasting_children = True

    def _finish_with_files(self, job: ClaimedJob, context: JobContext, ended: Ended, made: Sequence[MadeFile]) -> None:
        try:
            stored = self._ledger.store(made)
        except OSError as error:
            failed = self._decide(job, context, Failed(failure_of(error)))
            ended, stored = ended._replace(transition=failed), {}
        status = self._ledger.write_with_artifacts([*self._batch.take_ended(), ended], stored)
        # Not if the job was given to another worker: what is kept is that one's now.
        if status in TERMINAL:
            self._house.storage.remove_keepdir(job.id)

    def _ended(self, job: ClaimedJob, context: JobContext, outcome: Outcome, began_at: float) -> Ended:
        ended_at = time.monotonic()
        used = self._meter.read(ended_at - began_at)
        return Ended(
            job.id,
            job.attempt,
            self._decide(job, context, outcome),
            context.take(),
            cpu_seconds=used.cpu_seconds,
            peak_bytes=used.peak_bytes,
            began_at=began_at,
            ended_at=ended_at,
        )

    def _decide(self, job: ClaimedJob, context: JobContext, outcome: Outcome) -> Transition:
        if isinstance(outcome, Succeeded):
            return completed(outcome)
        facts = attempt_facts(
            self._house.registry,
            job.type,
            number=job.attempt,
            max_attempts=job.max_attempts,
            allowance=job.allowance,
            cancel_requested=context.cancelled,
            retry=job.retry,
        )
        return decide(facts, outcome, now=datetime.now(UTC), draw=random.random())  # noqa: S311 - jitter

    def _find_file(self, organization_id: UUID, file_id: UUID) -> InputFile | None:
        found = file_store.find_file(self._ledger.connection, file_id, organization_id)
        if found is None:
            return None
        return InputFile(
            id=found.id,
            name=found.name,
            path=self._house.storage.path(found.id),
            size=found.size,
            media_type=found.media_type,
            sha256=found.sha256,
        )

    def _find_parents(self, job: ClaimedJob) -> list[ParentJob]:
        found = parents_with_results(self._ledger.connection, job.id, organization_id=job.organization_id)
        return [ParentJob(**one._asdict()) for one in found]

    def _stop_asked(self, _signal: int, _frame: FrameType | None) -> None:
        """Claim nothing more; what runs may go on for the grace, then it is handed back."""
        if os.getpid() != self._pid:
            # A child that the processor forked; multiprocessing ends its own so.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        self._stopping = True
        self._interrupts.stop_at(time.monotonic() + self._house.settings.stop_grace_seconds)


def multiprocessing_helpers() -> set[int]:
    """Processes that the standard library starts once and keeps; it does not get over their end well."""
    found: set[int | None] = set()
    if tracker := sys.modules.get("multiprocessing.resource_tracker"):
        found.add(tracker._resource_tracker._pid)
    if server := sys.modules.get("multiprocessing.forkserver"):
        found.add(server._forkserver._forkserver_pid)
    return {pid for pid in found if pid}


def resident_bytes() -> int:
    """Memory of this process that is in RAM; where the system does not say, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()
