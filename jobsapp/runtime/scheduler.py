"""Makes the runs of schedules that are due, beside the keeper that leads, on a thread and a connection of its own.

By the database's clock: that of this host may be wrong. Should two keepers lead for a moment, each run is made once
nevertheless (`services/firing.py`).
"""

from __future__ import annotations

import logging
import threading

from jobsapp.runtime.beside import Beside

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0


class Scheduler(Beside):
    name = "scheduler"

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
