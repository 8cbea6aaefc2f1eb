"""Makes the runs of schedules that are due, beside the keeper that leads, on a thread and a connection of its own.

By the database's clock: that of this host may be wrong. Should two keepers lead for a moment, each run is made once
nevertheless (`services/firing.py`).
"""

from __future__ import annotations

import logging
import threading

from jobsapp.runtime.house import House

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
STOP_SECONDS = 5.0


class Scheduler:
    """As `Pruner`, it may be started again after a stop."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """No fault if it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._run, args=[self._stopping], name="scheduler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more, and wait a while for what is in work. No fault if it does not run."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self, stopping: threading.Event) -> None:
        # Here, so that only a keeper that leads carries what it needs.
        from jobsapp.runtime.firing import AWAY, keep_firing

        while not stopping.is_set():
            try:
                keep_firing(self._house, stopping, TICK_SECONDS)
            except AWAY as error:
                log.warning("PostgreSQL is away: %s", error)
            except Exception:
                log.exception("the scheduler failed")
            stopping.wait(TICK_SECONDS)
