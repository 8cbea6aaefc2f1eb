"""The use cases in a process without Flask: for what the keeper does on behalf of users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.runtime.house import House
from jobsapp.services import Services, build_services
from jobsapp.services.sessions import DbSession
from jobsapp.store.connect import CLIENT_SIDE, IDLE_SECONDS

OPTIONS = f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"


@contextmanager
def open_use_cases(house: House, name: str) -> Iterator[tuple[Services, DbSession]]:
    """Services with a session of their own, which the caller commits, rolls back and removes. `name`: as the server's
    list of connections shows it. They act for everybody: the session is not bound to an organisation.
    """
    arguments = {"application_name": name, "options": OPTIONS, **CLIENT_SIDE}
    engine = create_engine(
        house.settings.sqlalchemy_url, pool_size=1, max_overflow=1, pool_pre_ping=True, connect_args=arguments
    )
    session: DbSession = scoped_session(sessionmaker(engine))
    try:
        yield build_services(session, house.settings, house.registry, house.storage, house.hints()), session
    finally:
        session.remove()
        engine.dispose()
