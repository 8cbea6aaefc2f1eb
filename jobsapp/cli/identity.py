"""Login links."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.config import Settings
from jobsapp.services.identity import Identity


def first_login_link(settings: Settings) -> str:
    """A one-time link for the first administrator, who is made if missing. Needs no application."""
    engine = create_engine(settings.sqlalchemy_url)
    try:
        session = scoped_session(sessionmaker(engine))
        identity = Identity(session)
        link = login_link(identity, settings, identity.bootstrap().email)
        session.remove()
        return link
    finally:
        engine.dispose()


def login_link(identity: Identity, settings: Settings, email: str) -> str:
    return f"{settings.base_url}/login/{identity.make_login_link(email)}"
