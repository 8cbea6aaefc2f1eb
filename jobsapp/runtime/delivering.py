"""Runs the deliverer beside the keeper that leads."""

from __future__ import annotations

import logging
import threading

from jobsapp.runtime.house import House
from jobsapp.store.connect import CUT_OFF

log = logging.getLogger(__name__)

AFTER_FAILURE_SECONDS = 2.0
STOP_SECONDS = 5.0


class DelivererThread:
    """Runs a deliverer for as long as this keeper leads. As `Pruner`, it may be started again after a stop."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """No fault if it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._run, args=[self._stopping], name="deliverer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take nothing any more, and wait a while for what is being sent. No fault if it does not run."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

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
