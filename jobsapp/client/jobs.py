"""Jobs: create, get, list, cancel, retry, delete."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Unpack
from uuid import UUID

from jobsapp.client.answers import CreatedJobs, Job, JobPage, Relative, RelativesPage
from jobsapp.client.errors import Conflict, NotFound
from jobsapp.client.files import FileCalls, Source
from jobsapp.client.following import FollowCalls
from jobsapp.client.requests import Backoff, Filter, NewJob, filter_fields, id_of
from jobsapp.client.retries import Repeat

PAGE = 200


class JobCalls(FileCalls, FollowCalls):
    """Calls about one job."""

    def create(
        self,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        description: str = "",
        priority: int = 0,
        max_attempts: int | None = None,
        run_at: datetime | None = None,
        expires_at: datetime | None = None,
        timeout_seconds: float | None = None,
        retry: Backoff | None = None,
        depends_on: Sequence[Job | UUID | str] = (),
        on_parent_failure: Literal["cancel", "fail", "continue"] = "cancel",
        secrets_of: Job | UUID | str | None = None,
        files: Mapping[str, Source] | None = None,
        wait: bool = False,
        wait_seconds: float | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Create a job. `files`: uploaded first, each is named in that field of `data`. `wait`: until it is finished.

        `depends_on`: jobs that must be completed before it starts; `on_parent_failure`: what becomes of it otherwise.

        A request that got no answer is sent again with the same `Idempotency-Key`, so it never makes a second job. With
        a key of your own that holds beyond this call, as long as `data` is the same: upload files before, then, since
        each upload has a new id. `secrets_of`: an own job of that type; where `data` has `********` as it has, the
        secret is meant. Raises InvalidInput naming the fields, and with `wait` TimedOut after `wait_seconds`.

        Example:
            job = client.create("data-conversion", {"targetFormat": "jsonl"}, files={"source": "orders.csv"}, wait=True)
            print(job.status, [artifact.name for artifact in job.artifacts])
        """
        fields = dict(data or {})
        for field, source in (files or {}).items():
            fields[field] = str(self.upload(source).id)
        parents = tuple(str(id_of(one)) for one in depends_on)
        said = (name, description, priority, max_attempts, run_at, expires_at, timeout_seconds, retry, parents)
        body = NewJob(type, fields, *said, on_parent_failure).body()
        if secrets_of is not None:
            body["secretsOf"] = str(id_of(secrets_of))
        key = idempotency_key or uuid.uuid4().hex
        job = self._tell(Job, "POST", "api/jobs", body, repeat=Repeat.ALWAYS, Idempotency_Key=key)
        return self.wait(job, wait_seconds) if wait else job

    def create_many(self, jobs: Sequence[NewJob], *, idempotency_key: str | None = None) -> tuple[UUID, ...]:
        """Create 1 to 10,000 jobs, all or none; gives back their ids in the same order.

        Example:
            ids = client.create_many([NewJob("data-conversion", data), NewJob("data-conversion", data, priority=5)])
            first, second = NewJob("data-conversion", data, ref="a"), NewJob("data-conversion", data, depends_on=("a",))
            ids = client.create_many([first, second])
        """
        key = idempotency_key or uuid.uuid4().hex
        body = {"jobs": [job.body() for job in jobs]}
        path = "api/jobs/bulk"
        return self._tell(CreatedJobs, "POST", path, body, repeat=Repeat.ALWAYS, Idempotency_Key=key).ids

    def get(self, job: Job | UUID | str) -> Job:
        """The job as it is now. Raises NotFound.

        Example:
            print(client.get(job.id).progress.percentage)
        """
        return self._ask(Job, f"api/jobs/{id_of(job)}")

    def pages(self, *, size: int = 50, cursor: str | None = None, **wanted: Unpack[Filter]) -> Iterator[JobPage]:
        """Jobs that match, newest first, page by page, each asked for when it is taken. `size`: 1 to 200 jobs.

        A page looks at 20,000 jobs at most: it may hold few, or none, and yet not be the last one.

        Example:
            first = next(client.pages(size=10, status="failed"))
            print(len(first.jobs), first.next_cursor)
        """
        fields = {**filter_fields(wanted), "limit": size}
        while True:
            page = self._ask(JobPage, "api/jobs", params=fields if cursor is None else {**fields, "cursor": cursor})
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def list(self, **wanted: Unpack[Filter]) -> Iterator[Job]:
        """All jobs that match, newest first. Pages are asked for as they are needed.

        Example:
            for job in client.list(type="data-conversion", status="completed", user="me"):
                print(job.id, job.name, job.duration_ms)
        """
        for page in self.pages(size=PAGE, **wanted):
            yield from page.jobs

    def dependencies(self, job: Job | UUID | str) -> Iterator[Relative]:
        """The jobs that it was made to wait for, in the order of their ids. Pages are asked for as they are needed.

        Example:
            print([parent.status for parent in client.dependencies(job)])
        """
        return self._relatives(f"api/jobs/{id_of(job)}/dependencies")

    def dependents(self, job: Job | UUID | str) -> Iterator[Relative]:
        """The jobs that depend on it, as `dependencies`.

        Example:
            print([child.name for child in client.dependents(job)])
        """
        return self._relatives(f"api/jobs/{id_of(job)}/dependents")

    def _relatives(self, path: str) -> Iterator[Relative]:
        fields: dict[str, Any] = {"limit": PAGE}
        while True:
            page = self._ask(RelativesPage, path, params=fields)
            yield from page.jobs
            if page.next_cursor is None:
                return
            fields["cursor"] = page.next_cursor

    def cancel(self, job: Job | UUID | str, *, reason: str | None = None, tree: bool = False) -> Job:
        """Cancel a pending job at once, ask an active one to stop. Raises Conflict if it is finished.

        `tree`: also everything that depends on it; of a finished job only that.

        Example:
            job = client.create("data-conversion", data, run_at=tomorrow)
            print(client.cancel(job, reason="not needed any more").status)
        """
        body: dict[str, Any] = {} if reason is None else {"reason": reason}
        body |= {"tree": True} if tree else {}
        try:
            return self._tell(Job, "PATCH", f"api/jobs/{id_of(job)}/cancel", body, repeat=Repeat.ALWAYS)
        except Conflict as error:
            # The first answer may have been lost on its way.
            found = self.get(job) if error.repeated else None
            if found is None or found.cancel_requested_at is None:
                raise
            return found

    def retry(self, job: Job | UUID | str, *, tree: bool = False) -> Job:
        """Put a failed or cancelled job back to pending, with a fresh allowance of attempts. Raises Conflict.

        `tree`: also the jobs that failed or were cancelled because of it; they wait for it again.

        Example:
            print(client.retry(job).status)
        """
        return self._tell(
            Job, "POST", f"api/jobs/{id_of(job)}/retry", {"tree": True} if tree else {}, repeat=Repeat.UNDONE
        )

    def delete(self, job: Job | UUID | str) -> None:
        """Delete a finished job with its files; for administrators. Raises Conflict and NotFound.

        Example:
            client.delete(client.wait(job))
        """
        try:
            self._wire.send("DELETE", f"api/jobs/{id_of(job)}")
        except NotFound as error:
            if not error.repeated:
                raise
