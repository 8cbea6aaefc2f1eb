"""The events of jobs, as they happen: one connection after the other, and of each job only what is news."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from jobsapp.client.answers import Event, Job
from jobsapp.client.errors import ClientError, NoSocket, NotFound, NotSignedIn, Refused, TimedOut, Unreachable
from jobsapp.client.live import Closed, LiveSocket, connected
from jobsapp.client.retries import AGAIN
from jobsapp.client.wire import Wire

PATH = "ws/jobs"
JOBS_LIMIT = 500
# Of so many jobs it is known what was told last.
REMEMBERED = 20_000
SIGNED_OUT = 4401
FULL = 1013
# A connection that lasted so long was a good one.
GOOD_SECONDS = 5.0


class _Message(msgspec.Struct, rename="camel"):
    event: str
    revision: int = 0
    job: Job | None = None
    job_id: UUID | None = None
    code: str = ""
    message: str = ""


class EventStream:
    """Events of these jobs, until each is finished or deleted; of all jobs, without an end, if `job_ids` is None.

    A lost connection is opened again, after which the server tells the present state. `deadline`: on the clock.
    """

    def __init__(self, wire: Wire, job_ids: Sequence[UUID] | None, *, deadline: float | None = None) -> None:
        self._wire = wire
        self._ids = None if job_ids is None else list(dict.fromkeys(job_ids))
        if self._ids is not None and len(self._ids) > JOBS_LIMIT:
            raise ValueError(f"At most {JOBS_LIMIT} jobs in one stream; leave out the ids for all of them.")
        self._deadline = deadline
        self._revisions: OrderedDict[UUID, int] = OrderedDict()
        self._lost_at: float | None = None
        self._attempt = 0

    def __iter__(self) -> Iterator[Event]:
        path = f"{PATH}?jobs=all" if self._ids is None else PATH
        while self._ids is None or self._ids:
            opened = time.monotonic()
            try:
                with connected(self._wire, path, self._deadline) as socket:
                    opened = time.monotonic()
                    yield from self._heard(socket)
            except (Unreachable, Refused) as error:
                self._rest(error, time.monotonic() - opened)

    def _heard(self, socket: LiveSocket) -> Iterator[Event]:
        for job_id in self._ids or ():
            socket.say(json.dumps({"action": "subscribe-job", "jobId": str(job_id)}))
        for text in socket.messages(self._deadline):
            self._found()
            event = self._news(text)
            if event is not None:
                yield event
                if self._ids is not None and not self._ids:
                    return

    def _news(self, text: str) -> Event | None:
        """The event that a message tells, if it says something new."""
        try:
            told = msgspec.json.decode(text, type=_Message)
        except msgspec.DecodeError as error:
            raise ClientError(f"The server said something that is no event ({error}).") from error
        if told.event == "error":
            return self._fault(told)
        if told.job is None:
            return None if told.job_id is None else self._gone(told.job_id)
        job = told.job
        if told.revision <= self._revisions.get(job.id, 0):
            return None
        self._remember(job.id, told.revision)
        if job.finished:
            self._end(job.id)
        return Event(event=told.event, job_id=job.id, revision=told.revision, job=job)

    def _fault(self, told: _Message) -> Event | None:
        if told.code != "not-found" or told.job_id is None:
            raise Refused(told.message, code=told.code)
        if told.job_id not in self._revisions:
            raise NotFound(told.message, status=404, code=told.code)
        # It was there before: deleted while nobody listened.
        return self._gone(told.job_id)

    def _gone(self, job_id: UUID) -> Event | None:
        self._end(job_id)
        return Event(event="job-deleted", job_id=job_id)

    def _end(self, job_id: UUID) -> None:
        if self._ids is not None and job_id in self._ids:
            self._ids.remove(job_id)

    def _remember(self, job_id: UUID, revision: int) -> None:
        self._revisions[job_id] = revision
        self._revisions.move_to_end(job_id)
        if len(self._revisions) > REMEMBERED:
            self._revisions.popitem(last=False)

    def _found(self) -> None:
        self._lost_at, self._attempt = None, 0

    def _rest(self, error: Unreachable | Refused, lasted: float) -> None:
        """Wait before the next connection. Raises the error when there is no sense in one."""
        if isinstance(error, Closed) and error.code == SIGNED_OUT:
            raise NotSignedIn("The token is unknown, revoked or expired.", status=401) from error
        if isinstance(error, Closed) and error.code == FULL and not self._revisions:
            raise NoSocket("The server has all the sockets that it may have.") from error
        if isinstance(error, Refused) and error.status not in AGAIN:
            raise error
        if lasted > GOOD_SECONDS:
            self._found()
        now, retries = time.monotonic(), self._wire.retries
        self._lost_at = now if self._lost_at is None else self._lost_at
        if now - self._lost_at >= retries.patience:
            raise error
        self._attempt += 1
        wished = error.retry_after if isinstance(error, Refused) else None
        pause = min(max(retries.pause(self._attempt), wished or 0.0), max(retries.longest_wait, 0.0))
        if self._deadline is not None and now + pause >= self._deadline:
            raise TimedOut("The server could not be reached in time.") from error
        time.sleep(pause)
