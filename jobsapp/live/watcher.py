"""One socket as the hub sees it: what it may know, and what waits to be sent to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.actors import Guest, Reader
from jobsapp.core.filters import JobFilter
from jobsapp.live.message import Bundle, Item
from jobsapp.live.news import Form

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


class Watcher:
    """A bounded mailbox: the newest state of a job takes the place of an older unsent one.

    So the last event of a job is never dropped, and a slow client costs nobody else anything. `wake` is called
    from any thread when there is something to send or a reason to close. `login_id` and `token`: the login session, or
    else the program's token, that the socket ends with; a guest's ends with the guest's own. `job_ids`: the jobs it
    watches one by one. `wanted`: what a list of rows shows.
    """

    def __init__(
        self,
        reader: Reader,
        form: Form,
        *,
        login_id: UUID | None = None,
        token: str | None = None,
        wanted: JobFilter | None = None,
    ) -> None:
        self.reader = reader
        self.wanted = wanted or JobFilter()
        self.login_id = login_id
        self.token = token
        self.form = form
        self.closing: Closing | None = None
        self.job_ids: set[UUID] = set()
        self.wake: Callable[[], None] = _nobody_waits
        self._lock = threading.Lock()
        self._waiting: Bundle | None = None

    @property
    def organization_id(self) -> UUID | None:
        """Of which organisation it may hear all. None: of none, a guest."""
        return None if isinstance(self.reader, Guest) else self.reader.organization_id

    def offer(self, bundle: Bundle) -> None:
        """Let the socket have these states. Merging may render, so it needs an application's context."""
        with self._lock:
            older, self._waiting = self._waiting, bundle
            if older is not None:
                self._waiting = older.before(bundle)
            behind = len(self._waiting) > WAITING_LIMIT
        if behind:
            self.close(Code.TRY_LATER, "Too slow; connect again for the present state")
        elif older is None:
            self.wake()

    def bury(self, said: Bundle | None) -> None:
        """Say that a job was deleted. A socket of that job alone ends with it."""
        if said is None:
            self.close(Code.NOT_FOUND, "The job was deleted")
        else:
            self.offer(said)

    def refuse(self, job_id: UUID) -> None:
        """Say that there is no such job for this socket. Of several in a tray the others go on."""
        if self.form is Form.TRAY:
            return
        if not self.form.is_json:
            self.close(Code.NOT_FOUND, "There is no such job")
            return
        text = error_text("not-found", f"There is no job {job_id}.", job_id)
        self.offer(Bundle(self.form, {job_id: Item(text)}))

    def close(self, code: int, reason: str) -> None:
        """Ask for the socket to be closed. The first reason counts."""
        self.closing = self.closing or Closing(code, reason)
        self.wake()

    def take(self) -> Bundle | None:
        """What is to be sent now."""
        with self._lock:
            bundle, self._waiting = self._waiting, None
        return bundle


def _nobody_waits() -> None:
    """Before the socket has been handed over."""


def error_text(code: str, message: str, job_id: UUID | None = None) -> str:
    """The message that tells a JSON client what it did wrong."""
    told = {"event": "error", "code": code, "message": message}
    return json.dumps(told | ({"jobId": str(job_id)} if job_id else {}))
