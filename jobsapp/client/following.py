"""Following jobs: events, waiting for the end, a progress bar, the log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from jobsapp.client import bar
from jobsapp.client.answers import Event, Job, LogLine, LogPage
from jobsapp.client.base import Calls
from jobsapp.client.errors import NoSocket, NotFound
from jobsapp.client.polling import Polling
from jobsapp.client.requests import id_of
from jobsapp.client.stream import EventStream

if TYPE_CHECKING:
    from rich.console import Console

LINES = 1000
FIRST_SECONDS = 0.2
CEILING_SECONDS = 2.0


class FollowCalls(Calls):
    """Calls that go on while a job does. A server that is away for a while, for a new version say, is waited for."""

    def events(
        self, jobs: Iterable[Job | UUID | str] | None = None, *, timeout: float | None = None
    ) -> Iterator[Event]:
        """Changes as they happen: of these jobs (500 at most) until all are finished, or of all jobs without an end.

        The present state comes first, of all jobs that of the 50 newest. A lost connection is made anew and begins so,
        too; what is late or repeated is dropped, the last event of a job that was named never.

        Raises NotFound, TimedOut after `timeout` seconds, NoSocket where no socket opens.

        Example:
            for event in client.events([job.id]):
                print(event.event, event.job and event.job.progress.percentage)
        """
        if self._wire.local:
            raise NoSocket("There are no live events inside of a process: use wait or watch.")
        ids = None if jobs is None else [id_of(job) for job in jobs]
        return iter(EventStream(self._wire, ids, deadline=_clock(timeout)))

    def wait(self, job: Job | UUID | str, timeout: float | None = None) -> Job:
        """The job when it is finished, however it ended. Raises TimedOut after `timeout` seconds, and NotFound.

        Example:
            done = client.wait(job, timeout=60)
            print(done.status, done.result, done.error)
        """
        deadline, job_id = _clock(timeout), id_of(job)
        now = self._job(job_id)
        if now.finished:
            return now
        last = deque(self._changes(job_id, deadline, to_end=True), maxlen=1)
        return self._whole(last[0])

    def watch(self, job: Job | UUID | str, *, timeout: float | None = None, console: Console | None = None) -> Job:
        """As `wait`, with a progress bar on stderr meanwhile, or on a console of rich.

        Example:
            done = client.watch(job)
        """
        return self._whole(bar.show(self._changes(id_of(job), _clock(timeout), to_end=False), console))

    def log(self, job: Job | UUID | str, *, after: int = 0, follow: bool = False) -> Iterator[LogLine]:
        """The lines of a job's log, oldest first: those after the one with that id. `follow`: until it is finished.

        Example:
            for line in client.log(job, follow=True):
                print(line.at, line.level, line.message)
        """
        job_id, pause = id_of(job), FIRST_SECONDS
        while True:
            # Asked before the lines, so that none is missed that came before the end.
            over = not follow or self._job(job_id).finished
            page = self._ask(LogPage, f"api/jobs/{job_id}/log", params={"after": after, "limit": LINES})
            yield from page.lines
            after = page.next_after
            if len(page.lines) == LINES:
                continue
            if over:
                return
            pause = FIRST_SECONDS if page.lines else min(pause * 1.5, CEILING_SECONDS)
            time.sleep(pause)

    def _changes(self, job_id: UUID, deadline: float | None, *, to_end: bool) -> Iterator[Job]:
        """The states of a job, the last one finished: by events, or where none come by asking."""
        if not self._wire.local:
            try:
                for event in EventStream(self._wire, [job_id], deadline=deadline):
                    if event.job is None:
                        raise NotFound(f"The job {job_id} was deleted.", status=404, code="not-found")
                    yield event.job
            except NoSocket:
                pass
            else:
                return
        yield from Polling(self._wire, job_id, deadline=deadline, to_end=to_end)

    def _whole(self, end: Job) -> Job:
        """The finished job as its reader may see it: events are the same for all, and leave out tracebacks."""
        found = self._job(end.id)
        return found if found.finished else end

    def _job(self, job_id: UUID) -> Job:
        return self._ask(Job, f"api/jobs/{job_id}")


def _clock(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
