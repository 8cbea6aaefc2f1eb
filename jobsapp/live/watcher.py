"""One socket as the hub sees it: what it may know, and what waits to be sent to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.core.events import Event
from jobsapp.core.filters import JobFilter
from jobsapp.live.news import Form, News

# Jobs with news unsent. A client further behind is told to come back and gets the present state then.
WAITING_LIMIT = 1000


class Code:
    """Close codes of our sockets."""

    RESTART = 1012
    TRY_LATER = 1013
    BROKEN = 1011
    NOT_SIGNED_IN = 4401
    NOT_FOUND = 4404


@dataclass(frozen=True)
class Closing:
    code: int
    reason: str


@dataclass(frozen=True)
class _Waiting:
    event: Event | None
    text: str


class Watcher:
    """A bounded mailbox: the newest state of a job takes the place of an older unsent one.

    So the last event of a job is never dropped, and a slow client costs nobody else anything. `wake` is called
    from other threads whenever there is something to send or a reason to close. `login_id`: the login session that
    the socket ends with, if it is not a program's. `wanted`: what a list of rows shows.
    """

    def __init__(
        self,
        actor: Actor,
        form: Form,
        wake: Callable[[], None],
        login_id: UUID | None = None,
        wanted: JobFilter | None = None,
    ) -> None:
        self.actor = actor
        self.wanted = wanted or JobFilter()
        self.login_id = login_id
        self.form = form
        self.closing: Closing | None = None
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: dict[UUID, _Waiting] = {}

    def offer(self, news: News, event: Event, *, fresh: bool = False) -> None:
        """Let the socket have this state of a job. `fresh`: its list may not have the job's row yet."""
        with self._lock:
            older = self._waiting.pop(news.job.id, None)
            unsent = older is not None and older.event is Event.CREATED
            said = self._row(news, fresh or unsent) if self.form is Form.ROW else event
            if said is None:
                return
            if said is Event.UPDATE and unsent and self.form is not Form.ROW:
                said = Event.CREATED
            self._waiting[news.job.id] = _Waiting(said, news.text(self.form, said))
        self._hurry()

    def _row(self, news: News, fresh: bool) -> Event | None:
        """What a list is told: of a row that it may not have, of one that it has if any, or nothing at all.

        A row that no longer matches is told all the same. It stays, dimmed, until the list is loaded again: taken out
        from under the pointer it would let a click hit its neighbour, and who has just cancelled a job wants to see it.
        """
        match news.fits(self.wanted):
            case None:
                return None
            case True if fresh or self.wanted.status is not None:
                return Event.CREATED
            case _:
                return Event.UPDATE

    def bury(self, job_id: UUID, text: str) -> None:
        """Say that the job was deleted. A socket of that job alone ends with it."""
        if self.form is Form.PANEL:
            self.close(Code.NOT_FOUND, "The job was deleted")
            return
        with self._lock:
            self._waiting[job_id] = _Waiting(Event.DELETED, text)
        self._hurry()

    def refuse(self, job_id: UUID) -> None:
        """Say that there is no such job for this socket."""
        if self.form is not Form.JSON:
            self.close(Code.NOT_FOUND, "There is no such job")
            return
        text = error_text("not-found", f"There is no job {job_id}.", job_id)
        with self._lock:
            self._waiting[job_id] = _Waiting(None, text)
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Ask the socket's thread to close it. The first reason counts."""
        self.closing = self.closing or Closing(code, reason)
        self._wake()

    def _hurry(self) -> None:
        if len(self._waiting) > WAITING_LIMIT:
            self.close(Code.TRY_LATER, "Too slow; connect again for the present state")
        self._wake()

    def take(self) -> list[str]:
        """What is to be sent now, oldest first."""
        with self._lock:
            texts = [waiting.text for waiting in self._waiting.values()]
            self._waiting.clear()
        return texts


def error_text(code: str, message: str, job_id: UUID | None = None) -> str:
    """The message that tells a JSON client what it did wrong."""
    told = {"event": "error", "code": code, "message": message}
    return json.dumps(told | ({"jobId": str(job_id)} if job_id else {}))
