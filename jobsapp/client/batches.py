"""Batches: many jobs under one name."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from jobsapp.client import bar
from jobsapp.client.answers import CreatedJobs, Job, JobPage, Status, StoredFile
from jobsapp.client.base import Calls
from jobsapp.client.batch_answers import Batch, BatchFailure, BatchFailures, BatchPage, CreatedBatch
from jobsapp.client.errors import TimedOut
from jobsapp.client.requests import NewJob
from jobsapp.client.retries import Repeat

if TYPE_CHECKING:
    from rich.console import Console

    from jobsapp.client.client import Client

PAGE = 100
AT_ONCE = 10_000
FIRST_SECONDS = 0.1
FACTOR = 1.5
CEILING_SECONDS = 2.0

BatchId = Batch | UUID | str


class BatchCalls(Calls):
    """`client.batches`: calls about batches."""

    def __init__(self, client: Client) -> None:
        super().__init__(client._wire)
        self._client = client

    def create(
        self,
        jobs: Iterable[NewJob] = (),
        *,
        name: str | None = None,
        description: str = "",
        closed: bool = True,
        on_complete: NewJob | None = None,
        on_success: NewJob | None = None,
        on_failure: NewJob | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Create a batch. More than 10,000 jobs go in several requests; `closed=False` leaves it open for more.

        Example:
            batch = client.batches.create([NewJob("data-conversion", data), NewJob("data-conversion", data)])
            print(client.batches.watch(batch).status)
        """
        first, *more = _parts(jobs) or [[]]
        key = idempotency_key or uuid.uuid4().hex
        after = {"onComplete": on_complete, "onSuccess": on_success, "onFailure": on_failure}
        body = {
            "name": name,
            "description": description,
            "jobs": [job.body() for job in first],
            "closed": closed and not more,
            **{when: _callback(job) for when, job in after.items() if job is not None},
        }
        path = "api/batches"
        made = self._tell(CreatedBatch, "POST", path, body, repeat=Repeat.ALWAYS, Idempotency_Key=key).batch
        for number, part in enumerate(more):
            self.add(made, part, idempotency_key=f"{key}-{number}")
        return self.close(made) if more and closed else made

    def add(self, batch: BatchId, jobs: Sequence[NewJob], *, idempotency_key: str | None = None) -> tuple[UUID, ...]:
        """Create 1 to 10,000 more jobs in a batch that is not closed; gives back their ids. Raises Conflict.

        Example:
            client.batches.add(open_batch, [NewJob("data-conversion", data)])
        """
        key, body = idempotency_key or uuid.uuid4().hex, {"jobs": [job.body() for job in jobs]}
        path = f"{_path(batch)}/jobs"
        return self._tell(CreatedJobs, "POST", path, body, repeat=Repeat.ALWAYS, Idempotency_Key=key).ids

    def close(self, batch: BatchId) -> Batch:
        """Let no more jobs be added.

        Example:
            client.batches.close(open_batch)
        """
        return self._tell(Batch, "POST", f"{_path(batch)}/close", {}, repeat=Repeat.ALWAYS)

    def get(self, batch: BatchId) -> Batch:
        """The batch as it is now. Raises NotFound.

        Example:
            print(client.batches.get(batch).percentage)
        """
        return self._ask(Batch, _path(batch))

    def list(self) -> Iterator[Batch]:
        """All batches, newest first. Pages are asked for as they are needed.

        Example:
            for batch in client.batches.list():
                print(batch.id, batch.name, batch.status)
        """
        fields: dict[str, Any] = {"limit": PAGE}
        while True:
            page = self._ask(BatchPage, "api/batches", params=fields)
            yield from page.batches
            if page.next_cursor is None:
                return
            fields["cursor"] = page.next_cursor

    def jobs(self, batch: BatchId, *, status: Status | None = None) -> Iterator[Job]:
        """The jobs of a batch, newest first, those in one state if it is given.

        Example:
            for job in client.batches.jobs(batch, status="failed"):
                print(job.name, job.error)
        """
        fields: dict[str, Any] = {"limit": PAGE} if status is None else {"limit": PAGE, "status": status}
        while True:
            page = self._ask(JobPage, f"{_path(batch)}/jobs", params=fields)
            yield from page.jobs
            if page.next_cursor is None:
                return
            fields["cursor"] = page.next_cursor

    def cancel(self, batch: BatchId, *, reason: str | None = None) -> Batch:
        """Close it, cancel what waits and ask what runs to stop. Raises Conflict if it has ended.

        Example:
            client.batches.cancel(open_batch, reason="wrong file")
        """
        body = {} if reason is None else {"reason": reason}
        return self._tell(Batch, "POST", f"{_path(batch)}/cancel", body, repeat=Repeat.UNDONE)

    def retry(self, batch: BatchId, *, cancelled: bool = False) -> Batch:
        """Put what failed, and with `cancelled` what was cancelled too, back to pending. Raises Conflict.

        Example:
            client.batches.retry(open_batch, cancelled=True)
        """
        return self._tell(Batch, "POST", f"{_path(batch)}/retry", {"cancelled": cancelled}, repeat=Repeat.UNDONE)

    def failures(self, batch: BatchId) -> tuple[BatchFailure, ...]:
        """Why its jobs failed, the most frequent first. Raises NotFound.

        Example:
            print([(one.jobs, one.message) for one in client.batches.failures(batch)])
        """
        return self._ask(BatchFailures, f"{_path(batch)}/failures").failures

    def results(self, batch: BatchId, target: str | Path | None = None) -> StoredFile:
        """Collect what came of its jobs into a file of JSON Lines, and download it to `target`, if that is given.

        Example:
            print(client.batches.results(batch, "results.jsonl").size)
        """
        file = self._tell(StoredFile, "POST", f"{_path(batch)}/results", {}, repeat=Repeat.ALWAYS)
        if target is not None:
            self._client.download(file, target)
        return file

    def wait(self, batch: BatchId, timeout: float | None = None) -> Batch:
        """The batch when all its jobs have ended, however. Raises TimedOut after `timeout` seconds, and NotFound.

        Example:
            print(client.batches.wait(batch, timeout=60).counts)
        """
        *_, last = self._states(batch, timeout)
        return last

    def watch(self, batch: BatchId, *, timeout: float | None = None, console: Console | None = None) -> Batch:
        """As `wait`, with a progress bar on stderr meanwhile, or on a console of rich.

        Example:
            done = client.batches.watch(batch)
        """
        return bar.show_batch(self._states(batch, timeout), console)

    def _states(self, batch: BatchId, timeout: float | None) -> Iterator[Batch]:
        until = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_SECONDS
        while True:
            found = self.get(batch)
            yield found
            if found.finished and found.changing is None:
                return
            if until is not None and time.monotonic() + pause >= until:
                raise TimedOut("The batch was not finished in time; it goes on.")
            time.sleep(pause)
            pause = min(pause * FACTOR, CEILING_SECONDS)


def _parts(jobs: Iterable[NewJob]) -> list[list[NewJob]]:
    every = list(jobs)
    return [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]


def _callback(job: NewJob) -> dict[str, Any]:
    said = msgspec.to_builtins(job)
    return {name: said[name] for name in ("type", "data", "name", "description", "priority") if name in said}


def _path(batch: BatchId) -> str:
    found = batch if isinstance(batch, UUID) else UUID(batch) if isinstance(batch, str) else batch.id
    return f"api/batches/{found}"
