"""Makes the runs of schedules that are due, beside the keeper that leads, on a thread and a connection of its own.

By the database's clock: that of this host may be wrong. Should two keepers lead for a moment, each run is made once
nevertheless (`services/firing.py`).
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy import func, select

from jobsapp.runtime.house import House
from jobsapp.services import Services
from jobsapp.services.firing import AT_ONCE
from jobsapp.services.sessions import DATABASE_AWAY, DbSession
from jobsapp.store.connect import CUT_OFF

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
STOP_SECONDS = 5.0
AWAY = (*CUT_OFF, *DATABASE_AWAY)


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
        while not stopping.is_set():
            try:
                self._keep_firing(stopping)
            except AWAY as error:
                log.warning("PostgreSQL is away: %s", error)
            except Exception:
                log.exception("the scheduler failed")
            stopping.wait(TICK_SECONDS)

    def _keep_firing(self, stopping: threading.Event) -> None:
        # Here, so that only a keeper that leads carries it.
        from jobsapp.runtime.use_cases import open_use_cases

        with open_use_cases(self._house, "jobsapp scheduler") as (services, session):
            declare(services, session)
            while not stopping.is_set():
                if fire(services, session) < AT_ONCE:
                    stopping.wait(TICK_SECONDS)


def declare(services: Services, session: DbSession) -> None:
    """Let the schedules that are declared in code be as they are declared."""
    try:
        services.declared.synchronise()
        session.commit()
    finally:
        session.remove()


def fire(services: Services, session: DbSession) -> int:
    """Make the runs of some schedules that are due, and commit. Returns of how many, AT_ONCE if there may be more."""
    try:
        made = services.firing.tick(session.execute(select(func.now())).scalar_one())
        session.commit()
        return made
    finally:
        session.remove()
