"""The session as the use cases know it, and the way from it to the statements of `store`."""

from __future__ import annotations

from typing import Any, cast

from psycopg import Connection, OperationalError
from sqlalchemy import exc
from sqlalchemy.orm import Session, scoped_session

DbSession = scoped_session[Session]
DATABASE_AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OperationalError)
"""Errors of the database itself, which pass; no other error of a statement does."""


def release(session: DbSession) -> None:
    """Give the connection back, and all rows. For whom the session asks (`bounds`) holds for the next one too."""
    info = dict(session().info)
    session.remove()
    session().info.update(info)


def driver(session: DbSession) -> Connection[Any]:
    """The psycopg connection inside the session's transaction, with everything flushed to it."""
    session.flush()
    return cast("Connection[Any]", session.connection().connection.driver_connection)
