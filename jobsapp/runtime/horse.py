"""The work-horse: claims jobs of a queue one after the other, runs them, and writes what came of each."""

from __future__ import annotations

import logging
import random
import resource
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Outcome, Transition, decide
from jobsapp.core.states import Status
from jobsapp.processors.sdk import InputFile
from jobsapp.runtime.context import JobContext, LeaseLost
from jobsapp.runtime.executor import HandBack, execute
from jobsapp.runtime.house import House
from jobsapp.runtime.pulse import Heart
from jobsapp.runtime.settle import announcement, attempt_facts
from jobsapp.store import files as file_store
from jobsapp.store.connect import connect
from jobsapp.store.jobs import ChangedJob, ClaimedJob, add_artifact, claim_jobs, finish_job, pulse_job

log = logging.getLogger(__name__)

TURN_SECONDS = 10.0
LIFE_SECONDS = 3600.0
LIFE_JOBS = 20_000
LIFE_BYTES = 384 * 1024 * 1024
PERSIST_SECONDS = 60.0
RECONNECT_SECONDS = 0.5


class Horse:
    """One per process, in the process's main thread, with connections of its own. Use it in a `with` block."""

    def __init__(self, house: House, worker: str) -> None:
        self._house = house
        self._worker = worker
        self._hints = house.hints()
        settings = house.settings
        self._heart = Heart(
            settings.database_url,
            self._hints,
            lease_seconds=settings.lease_seconds,
            grace_seconds=settings.cancel_grace_seconds,
        )
        self._connection = self._connect()
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
        self._connection.close()

    @property
    def has_had_its_day(self) -> bool:
        """Whether another process should take its place: libraries leak, and memory once used is seldom given back."""
        old = time.monotonic() - self._born > LIFE_SECONDS
        grown = resident_bytes() - self._born_bytes
        return old or self._jobs_done >= LIFE_JOBS or grown > LIFE_BYTES

    def drain(self, queue: str) -> int:
        """Run due jobs of `queue` until there are none, the turn is over or a stop is asked. Returns how many ran."""
        end = time.monotonic() + TURN_SECONDS
        done = 0
        while job := self._claim(queue):
            self._perform(job)
            self._jobs_done += 1
            done += 1
            if self._stopping or time.monotonic() > end or self.has_had_its_day:
                self._hints.wake(queue)
                break
        return done

    def _claim(self, queue: str) -> ClaimedJob | None:
        lease = self._house.settings.lease_seconds
        if self._stopping:
            return None
        try:
            claimed = claim_jobs(self._connection, queue, worker=self._worker, lease_seconds=lease)
        except psycopg.OperationalError:
            # The server may have restarted since the last drain.
            self._reconnect()
            claimed = claim_jobs(self._connection, queue, worker=self._worker, lease_seconds=lease)
        if not claimed:
            return None
        job = claimed[0]
        self._hints.publish(
            [announcement(ChangedJob(job.id, job.organization_id, job.queue, Status.ACTIVE, job.revision))]
        )
        return job

    def _perform(self, job: ClaimedJob) -> None:
        storage = self._house.storage
        context = JobContext(
            job,
            make_workdir=lambda: storage.make_workdir(f"{job.id}.{job.attempt}"),
            find_file=lambda file_id: self._find_file(job.organization_id, file_id),
            threads=self._house.settings.job_threads,
        )
        try:
            self._heart.watch(context)
            outcome = self._run(job, context)
            self._heart.release()
            self._persist(job, context, outcome)
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

    def _persist(self, job: ClaimedJob, context: JobContext, outcome: Outcome) -> None:
        """Write the outcome; a database that is away is waited for, since the work is done and must not be lost."""
        facts = attempt_facts(
            self._house.registry,
            job.type,
            number=job.attempt,
            max_attempts=job.max_attempts,
            allowance=job.allowance,
            cancel_requested=context.cancelled,
        )
        transition = decide(facts, outcome, now=datetime.now(UTC), draw=random.random())  # noqa: S311 - jitter
        artifacts = self._store_artifacts(context) if transition.status == Status.COMPLETED else {}
        try:
            changed = self._write_persistently(job, context, transition, artifacts)
        except BaseException:
            self._drop_unregistered(artifacts)
            raise
        self._hints.publish([announcement(changed)])
        if transition.status == Status.PENDING and transition.run_at and transition.run_at <= datetime.now(UTC):
            self._hints.wake(job.queue)

    def _write_persistently(
        self, job: ClaimedJob, context: JobContext, transition: Transition, artifacts: dict[UUID, Any]
    ) -> ChangedJob:
        deadline = time.monotonic() + PERSIST_SECONDS
        while True:
            try:
                return self._write(job, context, transition, artifacts)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("the outcome of job %s is not written yet: %s", job.id, error)
                time.sleep(RECONNECT_SECONDS)
                self._reconnect()

    def _write(
        self, job: ClaimedJob, context: JobContext, transition: Transition, artifacts: dict[UUID, Any]
    ) -> ChangedJob:
        last = context.take()
        try:
            with self._connection.transaction():
                if last.changed or last.checkpoint is not None:
                    lease = self._house.settings.lease_seconds
                    pulse_job(self._connection, job.id, job.attempt, last, lease_seconds=lease)
                changed = finish_job(self._connection, job.id, job.attempt, transition)
                if changed is None:
                    raise LeaseLost
                for file_id, made in artifacts.items():
                    add_artifact(
                        self._connection,
                        job_id=job.id,
                        attempt=job.attempt,
                        file_id=file_id,
                        name=made.name,
                        size=made.stored.size,
                        media_type=made.media_type,
                        sha256=made.stored.sha256,
                    )
                return changed
        except psycopg.OperationalError:
            context.untake(last)
            raise

    def _drop_unregistered(self, artifacts: dict[UUID, Any]) -> None:
        """A COMMIT whose answer was lost may have registered them. What cannot be asked is left to the sweep."""
        if not artifacts:
            return
        with suppress(psycopg.Error):
            registered = file_store.registered(self._connection, list(artifacts))
            for file_id in artifacts.keys() - registered:
                self._house.storage.delete(file_id)

    def _store_artifacts(self, context: JobContext) -> dict[UUID, Any]:
        stored = {}
        for made in context.made:
            file_id = new_id()
            self._house.storage.adopt(made.path, file_id)
            stored[file_id] = made
        return stored

    def _find_file(self, organization_id: UUID, file_id: UUID) -> InputFile | None:
        found = file_store.find_file(self._connection, file_id, organization_id)
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

    def _connect(self) -> psycopg.Connection[Any]:
        return connect(self._house.settings.database_url, f"jobsapp {self._worker}")

    def _reconnect(self) -> None:
        self._connection.close()
        try:
            self._connection = self._connect()
        except psycopg.OperationalError as error:
            log.warning("PostgreSQL is away: %s", error)


def resident_bytes() -> int:
    """Memory of this process that is in RAM; where the system does not say, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()
