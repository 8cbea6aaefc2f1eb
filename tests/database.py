"""All that the database of a test has."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def everything(connection: psycopg.Connection[Any]) -> str:
    """Every row of every table, as text."""
    found = []
    for (table,) in connection.execute(TABLES).fetchall():
        query = sql.SQL("SELECT string_agg(t::text, ' ') FROM {} t").format(sql.Identifier(table))
        row = connection.execute(query).fetchone()
        found.append(str(row[0]) if row else "")
    return " ".join(found)
