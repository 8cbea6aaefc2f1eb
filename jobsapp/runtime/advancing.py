"""The thread of the advancer, beside the keeper that leads.

Only there it loads what it works with: a keeper that stands by is a small process.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from psycopg import Connection

from jobsapp.runtime.beside import Beside
from jobsapp.store import outbox
from jobsapp.store.connect import CUT_OFF, connect

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
PAUSE_SECONDS = 1.0
GATHER_SECONDS = 0.1


class AdvancerThread(Beside):
    """Runs an advancer for as long as this keeper leads."""

    name = "advancer"

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self._advance(stopping)
            except CUT_OFF as error:
                log.warning("PostgreSQL is away: %s", error)
            except Exception as error:
                _tell(error)
            stopping.wait(PAUSE_SECONDS)

    def _advance(self, stopping: threading.Event) -> None:
        from jobsapp.runtime.advancer import MOST, Advancer
        from jobsapp.runtime.followers import followers_of
        from jobsapp.runtime.use_cases import open_use_cases

        with (
            open_use_cases(self._house, "jobsapp advancer") as (services, session),
            connect(self._house.settings.database_url, "jobsapp advancer: listens") as calls,
        ):
            calls.execute(f"LISTEN {outbox.CHANNEL}")
            advancer = Advancer(session, *followers_of(services))
            ticked, called = 0.0, set[str]()
            while not stopping.is_set():
                taken = advancer.advance()
                if time.monotonic() - ticked >= TICK_SECONDS:
                    ticked = time.monotonic()
                    advancer.tick()
                elif called:
                    advancer.tick(called)
                called = _wait(calls, 0 if taken >= MOST else TICK_SECONDS)


def _wait(calls: Connection[Any], seconds: float) -> set[str]:
    """Until PostgreSQL calls; returns the clocks that it called by name. Numbers of batches are gathered for a moment,
    unless a call comes for something else."""
    heard = [call.payload for call in calls.notifies(timeout=seconds, stop_after=1)]
    until = time.monotonic() + GATHER_SECONDS
    while heard and set(heard) == {outbox.COUNTED} and (left := until - time.monotonic()) > 0:
        heard = [call.payload for call in calls.notifies(timeout=left, stop_after=1)]
    return set(heard) - {"", outbox.COUNTED}


def _tell(error: Exception) -> None:
    from jobsapp.services.sessions import DATABASE_AWAY

    if isinstance(error, DATABASE_AWAY):
        log.warning("PostgreSQL is away: %s", error)
    else:
        log.error("the advancer failed", exc_info=error)
