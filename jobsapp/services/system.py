"""Whether what stands behind jobsapp is well, for the people who look after it. Each question has a time limit."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from jobsapp.bus.condition import Observer
from jobsapp.core.actors import Actor
from jobsapp.services.base import View
from jobsapp.services.checks import CheckView, State, check_database, check_disk, check_keeper, check_redis
from jobsapp.services.sessions import DbSession, driver, release
from jobsapp.store import schema
from jobsapp.store.database import DatabaseFacts, database_facts, limit_time
from jobsapp.store.keepers import Keeper, keepers

log = logging.getLogger(__name__)

LIMIT_SECONDS = 1.0
WORST_FIRST: tuple[State, ...] = ("bad", "warning", "good")


class SystemView(View):
    state: State
    """The worst of them."""
    checks: list[CheckView]
    """PostgreSQL, Redis, the keeper, and the disk of the web server that answers."""


class System:
    def __init__(self, session: DbSession, observer: Observer, data_dir: Path) -> None:
        self._session = session
        self._observer = observer
        self._disk = Disk(data_dir)

    def look(self, actor: Actor) -> SystemView:
        """How everything is now. Details and advice are for administrators of the installation, numbers for
        all in its organisation."""
        found = self._ask_database()
        shown = [
            check_database(found.facts, is_current=found.is_current, milliseconds=found.milliseconds)
            if found
            else check_database(None),
            check_redis(self._observer.look()),
            check_keeper(found.keepers if found else None),
            check_disk(*self._disk.look()),
        ]
        state = min((one.state for one in shown), key=WORST_FIRST.index)
        seen = [one.seen_by(is_admin=actor.is_admin, is_at_home=actor.runs_installation) for one in shown]
        return SystemView(state=state, checks=seen)

    def _ask_database(self) -> _Database | None:
        """None: it does not answer in time."""
        try:
            connection = driver(self._session)
            began = time.perf_counter()
            limit_time(connection, LIMIT_SECONDS)
            milliseconds = (time.perf_counter() - began) * 1000
            is_current = schema.is_current(self._session.connection())
            found = _Database(database_facts(connection), keepers(connection), is_current, milliseconds)
        except (SQLAlchemyError, psycopg.Error) as error:
            log.warning("PostgreSQL does not tell how it is: %s", error)
            release(self._session)
            return None
        # The time limit ends with the transaction.
        self._session.rollback()
        return found


@dataclass(frozen=True)
class _Database:
    facts: DatabaseFacts
    keepers: list[Keeper]
    is_current: bool
    milliseconds: float


class Disk:
    """Room on a file system. One that hangs, as those behind a network do, holds one thread and nobody else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking: threading.Thread | None = None

    def look(self) -> tuple[int | None, int]:
        """Bytes that are free, None if it does not tell in time; and all there are."""
        if self._asking is not None and self._asking.is_alive():
            return None, 0
        found: list[tuple[int, int]] = []
        self._asking = threading.Thread(target=self._ask, args=(found,), name="disk", daemon=True)
        self._asking.start()
        self._asking.join(LIMIT_SECONDS)
        return found[0] if found else (None, 0)

    def _ask(self, found: list[tuple[int, int]]) -> None:
        try:
            # The folder is made when the first file comes.
            folder = next(one for one in (self._folder, *self._folder.parents) if one.exists())
            usage = shutil.disk_usage(folder)
        except OSError as error:
            log.warning("the data folder does not tell how much room there is: %s", error)
            return
        found.append((usage.free, usage.total))
