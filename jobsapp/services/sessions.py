"""The session as the use cases know it, and the way from it to the statements of `store`."""

from __future__ import annotations

from typing import Any, cast

from psycopg import Connection, OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import exc
from sqlalchemy.orm import Session, scoped_session

DbSession = scoped_session[Session]
DATABASE_AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OperationalError)
"""Errors of the database itself, which pass; no other error of a statement does."""
# PostgreSQL is there and says no to this one: a deadlock, a lock or a statement that took too long, a limit of its own.
OF_THE_STATEMENT = ("40", "54", "55P03", "57014")


def is_away(error: BaseException) -> bool:
    """Whether the database is away, and not only that it refused a statement, which it may do again each time."""
    if not isinstance(error, (*DATABASE_AWAY, IdleInTransactionSessionTimeout)):
        return False
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    return not state.startswith(OF_THE_STATEMENT)


def release(session: DbSession) -> None:
    """Give the connection back, and all rows. For whom the session asks (`bounds`) holds for the next one too."""
    info = dict(session().info)
    session.remove()
    session().info.update(info)


def driver(session: DbSession) -> Connection[Any]:
    """The psycopg connection inside the session's transaction, with everything flushed to it."""
    session.flush()
    return cast("Connection[Any]", session.connection().connection.driver_connection)
