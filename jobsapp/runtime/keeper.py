"""The keeper: looks about once a second after what was left lying. One leads, any number may stand by."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import psycopg

from jobsapp.runtime.advancing import AdvancerThread
from jobsapp.runtime.delivering import DelivererThread
from jobsapp.runtime.duties import expire, fold, rescue, stop, wake
from jobsapp.runtime.house import House
from jobsapp.runtime.pruner import Pruner
from jobsapp.runtime.scheduler import Scheduler
from jobsapp.store.connect import CUT_OFF, connect
from jobsapp.store.keepers import keeper_name, try_to_lead

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# After an outage those who lived through it renew their leases and write what was done in time: that the leases ended
# meanwhile, or the time, proves nothing.
RESPITE_SECONDS = 3.0
# Those that stand by take over from a leader that is frozen: its connection, and with it the lock, ends after so long.
SILENT_SECONDS = 5


class Keeper:
    def __init__(self, house: House) -> None:
        self._house = house
        self._hints = house.hints()
        self._beside = (Pruner(house), AdvancerThread(house), Scheduler(house), DelivererThread(house))
        self._stopping = threading.Event()
        self._was_cut_off = False
        self._rescues_from = 0.0

    def run(self) -> None:
        """Keep until SIGTERM or SIGINT. A database that is away is waited for."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        while not self._stopping.is_set():
            try:
                self._keep()
            except CUT_OFF as error:
                log.warning("PostgreSQL is away: %s", error)
                self._was_cut_off = True
            self._stopping.wait(TICK_SECONDS)

    def tick(self, connection: psycopg.Connection[Any]) -> None:
        """Do every duty once. One that fails does not keep the others from theirs."""
        duties: dict[str, Callable[[], object]] = {
            "wake": lambda: wake.tick(connection, self._hints),
            "rescue": lambda: rescue.tick(connection, self._house, self._hints),
            "expire": lambda: expire.tick(connection, self._house, self._hints),
            "stop": lambda: stop.tick(connection, self._house, self._hints),
            "fold": lambda: fold.tick(connection),
        }
        if time.monotonic() < self._rescues_from:
            del duties["rescue"], duties["stop"]
        for name, duty in duties.items():
            try:
                duty()
            except CUT_OFF:
                raise
            except Exception:
                log.exception("the duty %s failed", name)

    def _keep(self) -> None:
        """Lead for as long as the connection holds: the lock belongs to it."""
        with connect(self._house.settings.database_url, keeper_name()) as connection:
            connection.execute(f"SET idle_session_timeout = '{SILENT_SECONDS}s'")
            leads = False
            if self._was_cut_off:
                self._rescues_from = time.monotonic() + RESPITE_SECONDS
            try:
                while not self._stopping.is_set():
                    leads = leads or try_to_lead(connection)
                    if leads:
                        self.tick(connection)
                        for thread in self._beside:
                            thread.start()
                    self._stopping.wait(TICK_SECONDS)
            finally:
                for thread in self._beside:
                    thread.stop()

    def _stop_asked(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()
