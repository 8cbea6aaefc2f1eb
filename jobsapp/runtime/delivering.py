"""Runs the deliverer beside the keeper that leads."""

from __future__ import annotations

import logging
import threading

from jobsapp.runtime.beside import Beside
from jobsapp.store.connect import CUT_OFF

log = logging.getLogger(__name__)

AFTER_FAILURE_SECONDS = 2.0


class DelivererThread(Beside):
    """Runs a deliverer for as long as this keeper leads."""

    name = "deliverer"

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                # Here, so that only a keeper that leads carries it.
                from jobsapp.runtime.deliverer import Round

                Round(self._house, stopping).run()
            except CUT_OFF as error:
                log.warning("PostgreSQL is away: %s", error)
            except Exception:
                log.exception("the deliverer failed")
            stopping.wait(AFTER_FAILURE_SECONDS)
