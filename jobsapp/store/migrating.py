"""Migrations on a busy database: they wait for no lock for long, because whoever asks after them waits too.

A change of a table needs a lock that one long query holds up, and every query that comes after stands in the same line.
So a migration gives up after LOCK_SECONDS, lets the others pass, and tries again a while later. Each migration is a
transaction: what was done before stays done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alembic import op
from alembic.util import CommandError
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0
STATEMENT_SECONDS = 600.0
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0, 30.0, 30.0)
ATTRIBUTE = "patience"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"


@dataclass(frozen=True)
class Patience:
    """How long to wait for a lock, and how long to let others pass before each further try, in seconds."""

    lock_seconds: float = LOCK_SECONDS
    pauses: Sequence[float] = PAUSES


def migrate(connection: Connection, run: Callable[[], None], patience: Patience) -> None:
    """Run migrations under time-outs, and again when a lock was not to be had.

    Raises CommandError when it never was. `run` begins where the database is.
    """
    set_timeouts(connection, patience)
    for pause in (*patience.pauses, None):
        try:
            run()
            return
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            connection.rollback()
            if pause is None:
                raise CommandError(
                    f"Something has used a table for too long, so the migration gave up ({_said(error)}). What was "
                    "done before it stays. Look in pg_stat_activity for a long transaction, end it, and try again."
                ) from error
            log.warning("a table is in use (%s); the migration tries again in %g s", _said(error), pause)
            # Alembic's own settings may have gone with the transaction.
            set_timeouts(connection, patience)
        time.sleep(pause)


def set_timeouts(connection: Connection, patience: Patience) -> None:
    """For the session: wait for locks and statements no longer. Commits."""
    _set(connection, lock_seconds=patience.lock_seconds, statement_seconds=STATEMENT_SECONDS)
    connection.commit()


def create_index(name: str, table: str, columns: Sequence[Any], **options: Any) -> None:
    """In a migration: create an index while others write. `options` as `op.create_index` takes them.

    What an interrupted run left is dropped first; an index that is whole stays. It takes as long as it needs, and holds
    nobody up; it waits for the transactions that were there before it.
    """
    with _outside_of_transaction() as connection:
        valid = connection.scalar(text(IS_VALID), {"name": name})
        if valid:
            return
        if valid is not None:
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, list(columns), postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    """In a migration: drop an index while others read and write. No fault if there is none."""
    with _outside_of_transaction():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _outside_of_transaction() -> Iterator[Connection]:
    """Such a statement may wait for long without a lock that others would queue behind."""
    connection = op.get_bind()
    before = connection.scalar(text("SHOW lock_timeout")), connection.scalar(text("SHOW statement_timeout"))
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        _set(connection, lock_seconds=0, statement_seconds=0)
        try:
            yield connection
        finally:
            for name, value in zip(("lock_timeout", "statement_timeout"), before, strict=True):
                connection.execute(text(f"SET {name} = '{value}'"))


def _set(connection: Connection, *, lock_seconds: float, statement_seconds: float) -> None:
    connection.execute(text(f"SET lock_timeout = {int(lock_seconds * 1000)}"))
    connection.execute(text(f"SET statement_timeout = {int(statement_seconds * 1000)}"))


def _said(error: OperationalError) -> str:
    return str(error.orig).strip().splitlines()[0]
