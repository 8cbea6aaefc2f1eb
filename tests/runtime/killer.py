"""Cuts a process off from PostgreSQL before and after each of its statements and commits, one after the other.

What has not been committed by then is rolled back by the server, as if the process had been killed there. An ordinary
run tries every third of these points, from another one each time; with THOROUGH=1 all of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from jobsapp.runtime.firing import AWAY

MOST_POINTS = 1_000
MOST_STARTS = 4
"""How often one piece of work is gone through from its first point again, because a part of it had been committed."""
PINGS = (";", "SELECT 1")
"""Whether a connection of the pool is still there: one that is not is replaced, and nothing else happens."""


STRIDE = 1 if os.environ.get("THOROUGH") else 3


class Killer:
    """`name`: of the connections that are cut, as the server's list shows it."""

    def __init__(self, name: str) -> None:
        self.name, self.kills = name, 0
        self._left = 0
        self._committed = False

    def everywhere(self, work: Callable[[], object]) -> None:
        """Do it, cut off at one of its points; then anew, cut off at a later one; until it comes to its end."""
        point, starts = _first(), 0
        while point < MOST_POINTS:
            self._left, self._committed = point, False
            try:
                work()
            except AWAY:
                self.kills += 1
            else:
                assert self._left, "somebody went on though it was cut off"
                self._left = 0
                return
            # What came after is another piece of work, none of whose points has been tried.
            again = self._committed and starts < MOST_STARTS
            point, starts = (_first(), starts + 1) if again else (point + STRIDE, starts)
        raise AssertionError("it comes to no end")

    @contextmanager
    def at_work(self) -> Iterator[Killer]:
        with psycopg_patched(self._execute, self._commit):
            yield self

    def _execute(self, real: Callable[..., Any], cursor: Any, *given: Any, **more: Any) -> Any:
        if str(given[0]) in PINGS:
            return real(cursor, *given, **more)
        self._point(cursor.connection)
        done = real(cursor, *given, **more)
        self._point(cursor.connection)
        return done

    def _commit(self, real: Callable[..., Any], connection: Any) -> None:
        wrote = self._left and connection.info.parameter_status("application_name") == self.name and _wrote(connection)
        real(connection)
        self._committed = self._committed or bool(wrote)
        self._point(connection)

    def _point(self, connection: psycopg.Connection[Any]) -> None:
        if self._left and connection.info.parameter_status("application_name") == self.name:
            self._left -= 1
            if not self._left:
                connection.close()
                raise psycopg.OperationalError("cut off by the test")


@contextmanager
def psycopg_patched(execute: Callable[..., Any], commit: Callable[..., Any]) -> Iterator[None]:
    """Both drivers of the product, SQLAlchemy and `store`, go through these two."""
    real_execute, real_commit = psycopg.Cursor.execute, psycopg.Connection.commit
    psycopg.Cursor.execute = lambda self, *a, **k: execute(real_execute, self, *a, **k)  # type: ignore[method-assign]
    psycopg.Connection.commit = lambda self: commit(real_commit, self)  # type: ignore[method-assign]
    try:
        yield
    finally:
        psycopg.Cursor.execute, psycopg.Connection.commit = real_execute, real_commit  # type: ignore[method-assign]


def _first() -> int:
    return random.randint(1, STRIDE)


def _wrote(connection: psycopg.Connection[Any]) -> bool:
    found = connection.pgconn.exec_(b"SELECT pg_current_xact_id_if_assigned() IS NOT NULL").get_value(0, 0)
    return found == b"t"
