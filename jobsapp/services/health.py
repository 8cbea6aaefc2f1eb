"""Whether the servers behind this process can be used."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from jobsapp.bus import connection as redis_connection
from jobsapp.errors import JobsappError
from jobsapp.services.sessions import DbSession, release
from jobsapp.store import schema


class Health:
    def __init__(self, session: DbSession, redis_url: str) -> None:
        self._session = session
        self._redis_url = redis_url

    def faults(self) -> list[str]:
        """A sentence for each thing that is wrong, fit for everybody to read. Empty: ready."""
        return [sentence for sentence in (self._database(), self._redis()) if sentence]

    def _database(self) -> str:
        try:
            current = schema.is_current(self._session.connection())
        except SQLAlchemyError:
            return "PostgreSQL does not answer at DATABASE_URL."
        finally:
            release(self._session)
        return "" if current else "The database is not at the newest migration: run `flask db upgrade`."

    def _redis(self) -> str:
        try:
            redis_connection.check(self._redis_url)
        except JobsappError:
            return "Redis does not answer at REDIS_URL, or is too old."
        return ""
