"""How long the jobs of a work-horse took: kept in memory, written every few seconds for all of them together."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from psycopg import Connection

from jobsapp.store.durations import KEPT, add_durations

WRITE_SECONDS = 5.0

_Recent = defaultdict[str, deque[float]]


class Durations:
    """The work-horse's thread adds, the pulse's writes. What cannot be written is dropped: it only serves estimates."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._recent = _none()
        self._written_at = 0.0

    def add(self, type_name: str, seconds: float) -> None:
        """A job of that type completed after so many seconds, all in one attempt."""
        self._recent[type_name].append(seconds)

    @property
    def due(self) -> bool:
        """Is there something to write, and was the last time long enough ago?"""
        return bool(self._recent) and time.monotonic() - self._written_at > WRITE_SECONDS

    def write(self, connect: Callable[[], Connection[Any]]) -> None:
        """Write what there is. Raises psycopg.Error."""
        if not self._recent:
            return
        # The other thread may add one to what was taken here, and then it is lost: cheaper than a lock for each job.
        recent, self._recent = self._recent, _none()
        self._written_at = time.monotonic()
        add_durations(connect(), self._worker, {name: list(those) for name, those in list(recent.items())})


def _none() -> _Recent:
    return defaultdict(partial(deque, maxlen=KEPT))
