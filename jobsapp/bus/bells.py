"""Requests that wait for news of a job, each in its own thread: whoever hears the news rings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID


class Bell:
    """Of one request that waits."""

    def __init__(self) -> None:
        self.over = False
        """The process ends: nobody should wait any longer."""
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Return when it was rung since the last call, after `seconds` at the latest."""
        self._rung.wait(seconds)
        self._rung.clear()


class Bells:
    """All of a process, `most` at once. They hold no connection to anything.

    A bell is only a hint, as all news: without Redis nobody rings, so who waits looks now and then.
    """

    def __init__(self, most: int) -> None:
        self.begin: Callable[[], None] = _nobody_hears
        """Called before each wait: from then on news are to be heard."""
        self._most = most
        self._lock = threading.Lock()
        self._bells: dict[Bell, UUID] = {}
        self._closed = False

    @contextmanager
    def at(self, job_id: UUID) -> Iterator[Bell | None]:
        """A bell that rings when something happens to the job. None: too many wait already, or the process ends."""
        bell = self._hang(job_id)
        try:
            if bell is not None:
                self.begin()
            yield bell
        finally:
            if bell is not None:
                with self._lock:
                    del self._bells[bell]

    def ring(self, job_id: UUID) -> None:
        with self._lock:
            bells = [bell for bell, wanted in self._bells.items() if wanted == job_id]
        for bell in bells:
            bell.ring()

    def ring_all(self) -> None:
        """News may have been missed."""
        with self._lock:
            bells = list(self._bells)
        for bell in bells:
            bell.ring()

    def close(self) -> None:
        """Let all who wait go, and nobody wait from now on."""
        with self._lock:
            self._closed = True
            for bell in self._bells:
                bell.over = True
        self.ring_all()

    def _hang(self, job_id: UUID) -> Bell | None:
        with self._lock:
            if self._closed or len(self._bells) >= self._most:
                return None
            bell = Bell()
            self._bells[bell] = job_id
        return bell


def _nobody_hears() -> None:
    pass
