"""One socket as the hub sees it: what it may know, and what waits to be sent to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.actors import Guest, Reader
from jobsapp.core.events import Event
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
    from other threads whenever there is something to send or a reason to close. `login_id`: the login session, or the
    token of one job, that the socket ends with; none for a program with a token of a user.
    """

    def __init__(self, reader: Reader, form: Form, wake: Callable[[], None], login_id: UUID | None = None) -> None:
        self.reader = reader
        self.login_id = login_id
        self.form = form
        self.closing: Closing | None = None
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: dict[UUID, _Waiting] = {}

    @property
    def organization_id(self) -> UUID | None:
        """Of which organisation it may hear all. None: of none, a guest."""
        return None if isinstance(self.reader, Guest) else self.reader.organization_id

    def offer(self, news: News, event: Event) -> None:
        """Let the socket have this state of a job."""
        with self._lock:
            older = self._waiting.pop(news.job.id, None)
            if event is Event.UPDATE and older is not None and older.event is Event.CREATED:
                event = Event.CREATED
            self._waiting[news.job.id] = _Waiting(event, news.text(self.form, event))
            behind = len(self._waiting) > WAITING_LIMIT
        if behind:
            self.close(Code.TRY_LATER, "Too slow; connect again for the present state")
        self._wake()

    def refuse(self, job_id: UUID) -> None:
        """Say that there is no such job for this socket."""
        if not self.form.is_json:
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
