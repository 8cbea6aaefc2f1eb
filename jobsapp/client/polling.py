"""Asking again and again how a job is: where no events come through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

import httpx2

from jobsapp.client.answers import Job
from jobsapp.client.errors import Refused, TimedOut, Unreachable
from jobsapp.client.retries import AGAIN, Repeat
from jobsapp.client.wire import NOT_MODIFIED, Wire, decode

FIRST_SECONDS = 0.05
FACTOR = 1.5
CEILING_SECONDS = 2.0
LOCAL_CEILING_SECONDS = 0.5
# What proxies let pass that close what is silent for 30 s.
HELD_SECONDS = 25.0


class Polling:
    """The states of a job until it is finished; a server that can, holds its answer until then if `to_end`.

    Pauses grow while nothing happens. A state that is known costs the server next to nothing (`If-None-Match`).
    """

    def __init__(self, wire: Wire, job_id: UUID, *, deadline: float | None, to_end: bool) -> None:
        self._wire = wire
        self._path = f"api/jobs/{job_id}"
        self._deadline = deadline
        self._to_end = to_end and not wire.local
        self._ceiling = LOCAL_CEILING_SECONDS if wire.local else CEILING_SECONDS
        self._etag = ""
        self._lost_at: float | None = None
        self._pause = FIRST_SECONDS

    def __iter__(self) -> Iterator[Job]:
        revision = -1
        while True:
            began = time.monotonic()
            job = self._asked()
            if job is not None and job.revision != revision:
                revision, self._pause = job.revision, FIRST_SECONDS
                yield job
                if job.finished:
                    return
            # What a server held back is a pause already.
            self._rest(self._pause - (time.monotonic() - began))
            self._pause = min(self._pause * FACTOR, self._ceiling)

    def _asked(self) -> Job | None:
        """The job; None: it has not changed, or the server is away for the moment."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        timeout: float | None = None
        if self._to_end:
            held = HELD_SECONDS if self._deadline is None else min(HELD_SECONDS, self._deadline - time.monotonic())
            headers["Prefer"] = f"wait={max(int(held), 0)}"
            timeout = HELD_SECONDS + (self._wire.http.timeout.read or 0.0)
        try:
            response = self._wire.send("GET", self._path, repeat=Repeat.NEVER, headers=headers, timeout=timeout)
        except (Unreachable, Refused) as error:
            self._away(error)
            return None
        self._lost_at = None
        return None if response.status_code == NOT_MODIFIED else self._read(response)

    def _read(self, response: httpx2.Response) -> Job:
        self._etag = response.headers.get("ETag", "")
        return decode(response, Job)

    def _away(self, error: Unreachable | Refused) -> None:
        now = time.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        gone = isinstance(error, Refused) and error.status not in AGAIN
        retries = self._wire.retries
        if gone or now - self._lost_at >= retries.patience:
            raise error
        wished = error.retry_after if isinstance(error, Refused) else None
        self._pause = max(self._pause, min(wished or 0.0, retries.longest_wait))

    def _rest(self, seconds: float) -> None:
        if self._deadline is not None and time.monotonic() + max(seconds, 0.0) >= self._deadline:
            raise TimedOut("The job was not finished in time; it goes on.")
        if seconds > 0:
            time.sleep(seconds)
