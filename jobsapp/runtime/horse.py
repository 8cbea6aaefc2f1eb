"""The work-horse: claims jobs of a queue, runs them one after the other, and has written what came of each."""

from __future__ import annotations

import logging
import random
import resource
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from uuid import UUID

from jobsapp.core.outcomes import Outcome, decide
from jobsapp.core.states import Status
from jobsapp.processors.sdk import InputFile
from jobsapp.runtime.batch import Batch, Pace, handed_back
from jobsapp.runtime.context import JobContext, LeaseLost
from jobsapp.runtime.durations import Durations
from jobsapp.runtime.executor import HandBack, execute
from jobsapp.runtime.house import House
from jobsapp.runtime.ledger import Ledger
from jobsapp.runtime.pulse import Heart
from jobsapp.runtime.settle import attempt_facts
from jobsapp.runtime.usage import Meter
from jobsapp.store import files as file_store
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.turns import Ended

log = logging.getLogger(__name__)

TURN_SECONDS = 10.0
LIFE_SECONDS = 3600.0
LIFE_JOBS = 500_000
LIFE_BYTES = 384 * 1024 * 1024


class Horse:
    """One per process, in the process's main thread, with connections of its own. Use it in a `with` block."""

    def __init__(self, house: House, worker: str) -> None:
        self._house = house
        self._hints = house.hints()
        settings = house.settings
        self._batch = Batch()
        self._meter = Meter()
        self._durations = Durations(worker)
        self._threads = settings.job_threads
        self._ledger = Ledger(house, self._hints, worker)
        self._heart = Heart(
            settings.database_url,
            self._hints,
            self._batch,
            self._durations,
            lease_seconds=settings.lease_seconds,
            grace_seconds=settings.cancel_grace_seconds,
        )
        self._born = time.monotonic()
        self._born_bytes = resident_bytes()
        self._jobs_done = 0
        self._stopping = False
        self._in_processor = False

    def __enter__(self) -> Horse:
        self._heart.start()
        self._old_handler = signal.signal(signal.SIGTERM, self._stop_asked)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._old_handler)
        self._heart.stop()
        self._ledger.close()

    @property
    def has_had_its_day(self) -> bool:
        """Whether another process should take its place: libraries leak, and memory once used is seldom given back."""
        old = time.monotonic() - self._born > LIFE_SECONDS
        grown = resident_bytes() - self._born_bytes
        return old or self._jobs_done >= LIFE_JOBS or grown > LIFE_BYTES

    def drain(self, queue: str) -> int:
        """Run due jobs of `queue` until there are none, the turn is over or a stop is asked. Returns how many ran."""
        end, pace, done = time.monotonic() + TURN_SECONDS, Pace(), 0
        jobs = [] if self._stopping else self._ledger.claim(queue, pace.size)
        while jobs:
            began = time.monotonic()
            self._meter.begin()
            self._batch.fill(jobs)
            ran = self._run_batch()
            pace.took(ran, time.monotonic() - began)
            done += ran
            self._jobs_done += ran
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
        context = JobContext(
            job,
            make_workdir=lambda: storage.make_workdir(f"{job.id}.{job.attempt}"),
            find_file=lambda file_id: self._find_file(job.organization_id, file_id),
            threads=self._threads,
        )
        try:
            self._heart.watch(context)
            began_at = time.monotonic()
            outcome = self._run(job, context)
            self._heart.release()
            ended = self._ended(job, context, outcome, began_at)
            if ended.transition.status == Status.COMPLETED and job.checkpoint is None:
                self._durations.add(job.type, time.monotonic() - began_at)
            if context.made and ended.transition.status == Status.COMPLETED:
                self._ledger.write_with_artifacts([*self._batch.take_ended(), ended], context.made)
            else:
                self._batch.add(ended)
        except LeaseLost:
            log.warning("job %s attempt %s belongs to another worker now; nothing written", job.id, job.attempt)
        finally:
            self._heart.release()
            context.close()

    def _run(self, job: ClaimedJob, context: JobContext) -> Outcome:
        self._in_processor = True
        try:
            return execute(self._house.registry, job, context)
        finally:
            self._in_processor = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ended(self, job: ClaimedJob, context: JobContext, outcome: Outcome, began_at: float) -> Ended:
        facts = attempt_facts(
            self._house.registry,
            job.type,
            number=job.attempt,
            max_attempts=job.max_attempts,
            allowance=job.allowance,
            cancel_requested=context.cancelled,
            retry=job.retry,
        )
        ended_at = time.monotonic()
        used = self._meter.read(ended_at - began_at)
        return Ended(
            job.id,
            job.attempt,
            decide(facts, outcome, now=datetime.now(UTC), draw=random.random()),  # noqa: S311 - jitter
            context.take(),
            cpu_seconds=used.cpu_seconds,
            peak_bytes=used.peak_bytes,
            began_at=began_at,
            ended_at=ended_at,
        )

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

    def _stop_asked(self, _signal: int, _frame: FrameType | None) -> None:
        """Claim nothing more; what runs may go on for the grace, then it is handed back."""
        self._stopping = True
        signal.signal(signal.SIGALRM, self._grace_over)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, self._house.settings.stop_grace_seconds))

    def _grace_over(self, _signal: int, _frame: FrameType | None) -> None:
        if self._in_processor:
            raise HandBack


def resident_bytes() -> int:
    """Memory of this process that is in RAM; where the system does not say, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()
