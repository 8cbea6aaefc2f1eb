"""How migrations run: under lock and statement time-outs, so that one never blocks a busy table for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from alembic import context
from sqlalchemy import Connection, create_engine, text

from jobsapp import models  # noqa: F401  registers the tables
from jobsapp.extensions import Base
from jobsapp.models.documents import type_differs
from jobsapp.store.migrating import ATTRIBUTE, Patience, migrate

ADVISORY_KEY = 8_314_627
# Not in the models: there is none where its extensions are missing.
OPTIONAL_INDEXES = frozenset({"jobs_by_text"})


def run(connection: Connection) -> None:
    # Two hosts that start at once must not migrate at once: the second waits and finds nothing to do.
    with locked(connection):
        migrate(connection, partial(go_on, connection), context.config.attributes.get(ATTRIBUTE, Patience()))


def go_on(connection: Connection) -> None:
    """From where the database is."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        compare_type=type_differs,
        include_name=lambda name, kind, _: not (kind == "index" and name in OPTIONAL_INDEXES),
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_KEY})"))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({ADVISORY_KEY})"))
        connection.commit()


def main() -> None:
    if (given := context.config.attributes.get("connection")) is not None:
        run(given)
        return
    from flask import current_app

    engine = create_engine(current_app.config["SQLALCHEMY_DATABASE_URI"])
    with engine.connect() as connection:
        run(connection)
    engine.dispose()


main()
