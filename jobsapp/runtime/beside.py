"""A thread beside the keeper that leads, which starts and stops it: what it works at never holds up a rescue."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from jobsapp.runtime.house import House

STOP_SECONDS = 5.0


class Beside(ABC):
    """May be started again after a stop. `name`: the thread's."""

    name: str

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """No fault if it runs. While one that was stopped ends what it began, nothing is started: ask again later."""
        if self._thread is None or not self._thread.is_alive():
            # A new one: whoever was told to stop stays told.
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._run, args=[self._stopping], name=self.name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more, and wait a while for what is in work. No fault if it does not run."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    @abstractmethod
    def _run(self, stopping: threading.Event) -> None:
        """Work until that is set. What goes wrong is logged, and tried again."""
