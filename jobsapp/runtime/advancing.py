"""The thread of the advancer, beside the keeper that leads.

Only there it loads what it works with: a keeper that stands by is a small process.
"""

from __future__ import annotations

import logging
import threading
import time

from jobsapp.runtime.house import House
from jobsapp.store import outbox
from jobsapp.store.connect import CUT_OFF, connect

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
PAUSE_SECONDS = 1.0
STOP_SECONDS = 5.0


class AdvancerThread:
    """Runs an advancer for as long as this keeper leads. As `Pruner`, it may be started again after a stop."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """No fault if it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._run, args=[self._stopping], name="advancer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take nothing any more, and wait a while for what is in work. No fault if it does not run."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

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
            ticked = 0.0
            while not stopping.is_set():
                taken = advancer.advance()
                if time.monotonic() - ticked >= TICK_SECONDS:
                    ticked = time.monotonic()
                    advancer.tick()
                for _ in calls.notifies(timeout=0 if taken >= MOST else TICK_SECONDS, stop_after=1):
                    pass


def _tell(error: Exception) -> None:
    from jobsapp.services.sessions import DATABASE_AWAY

    if isinstance(error, DATABASE_AWAY):
        log.warning("PostgreSQL is away: %s", error)
    else:
        log.error("the advancer failed", exc_info=error)
