"""How the database server is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from jobsapp.store.statements import fetch_all


@dataclass(frozen=True)
class DatabaseFacts:
    """`connections`: in use, of all databases of the server, and how many there may be. `size_bytes`: of this one."""

    version: str
    connections: int
    most_connections: int
    size_bytes: int


def limit_time(connection: Connection[Any], seconds: float) -> None:
    """Let no statement of the present transaction take longer: it raises QueryCanceled then."""
    connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])


def database_facts(connection: Connection[Any]) -> DatabaseFacts:
    return fetch_all(connection, "database_facts", DatabaseFacts)[0]
