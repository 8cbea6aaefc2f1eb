"""The schema's version: bringing a database up to date, and asking whether it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine

from jobsapp.errors import Unavailable
from jobsapp.store.migrating import ATTRIBUTE, Patience

FOLDER = Path(__file__).parents[2] / "migrations"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def is_current(connection: Connection) -> bool:
    """Whether the database is at the newest migration."""
    return MigrationContext.configure(connection).get_current_heads() == _heads()


def upgrade(sqlalchemy_url: str, *, patience: Patience | None = None) -> bool:
    """Migrate to the newest schema. Returns whether there was anything to do.

    Raises Unavailable when a table was in use for too long; what was done by then stays.
    """
    engine = create_engine(sqlalchemy_url)
    try:
        with engine.connect() as connection:
            if is_current(connection):
                return False
            connection.rollback()
            config = alembic_config()
            config.attributes["connection"] = connection
            if patience is not None:
                config.attributes[ATTRIBUTE] = patience
            command.upgrade(config, "head")
            return True
    except CommandError as error:
        raise Unavailable(str(error)) from error
    finally:
        engine.dispose()


@cache
def _heads() -> tuple[str, ...]:
    """Of the migrations that came with this code. Looking at their files takes longer than asking the database."""
    return tuple(ScriptDirectory.from_config(alembic_config()).get_heads())
