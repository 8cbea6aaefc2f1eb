"""Rows for every table of a database, whichever migration it is at: read from its own catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from psycopg import Connection
from psycopg.errors import Error
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Placeholder

TABLES = """SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version' ORDER BY 1"""
COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS type,
  attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AS required
FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
REFERENCES = """
SELECT own.attname, confrelid::regclass::text, other.attname
FROM pg_constraint
JOIN pg_attribute AS own ON own.attrelid = conrelid AND own.attnum = conkey[1]
JOIN pg_attribute AS other ON other.attrelid = confrelid AND other.attnum = confkey[1]
WHERE contype = 'f' AND conrelid = %s::regclass AND cardinality(conkey) = 1
"""
CHECKS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass"
ONE_OF = re.compile(r"\(*(\w+)\)*(?:::text)? = ANY \(*ARRAY\['(\w*)'")
VALUES: dict[str, Any] = {
    "uuid": uuid4,
    "bytea": lambda: uuid4().bytes,
    "json": lambda: "{}",
    "jsonb": lambda: "{}",
    "boolean": lambda: True,
    "date": lambda: "2026-11-01",
    "timestamp with time zone": lambda: "2026-11-01T12:00:00Z",
    "real[]": lambda: [1.0],
    "uuid[]": lambda: [uuid4()],
    "vector": lambda: "[1, 2]",
    "character varying[]": lambda: [],
    "text[]": lambda: [],
}
# What a constraint asks for beyond the columns that must not be empty. A new table may need a line here.
MORE: dict[str, dict[str, Any]] = {"limits": {"max_active": 1}}
JOBS = {
    "pending": None,
    "active": "lease_until",
    "completed": "completed_at",
    "failed": "failed_at",
    "cancelled": "cancelled_at",
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    required: bool


def tables(connection: Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute(TABLES)]


def empty_tables(connection: Connection[Any]) -> list[str]:
    query = SQL("SELECT EXISTS (SELECT FROM {})")
    return [
        name for name in tables(connection) if connection.execute(query.format(Identifier(name))).fetchone() != (True,)
    ]


def fill(connection: Connection[Any]) -> None:
    """Let each table that is empty have a row. Raises AssertionError naming those for which none was found."""
    left, said = empty_tables(connection), dict[str, str]()
    while left:
        tried = list(left)
        for name in tried:
            try:
                with connection.transaction():
                    _insert(connection, name)
                left.remove(name)
            except (Error, LookupError) as error:
                said[name] = str(error)
        assert left != tried, f"no row was found for {[(name, said[name]) for name in left]}; see MORE"


def insert_jobs(connection: Connection[Any]) -> None:
    """A job in each state, as the first schema has it, of the organisation that is there."""
    for status, mark in JOBS.items():
        columns = {"name": status, "status": status, "worker": "w", "attempts": 1, "max_attempts": 3, "allowance": 3}
        columns |= {"priority": 7, **({mark: "2026-11-01T12:00:00Z"} if mark else {})}
        _insert(connection, "jobs", columns)


def _insert(connection: Connection[Any], table: str, given: dict[str, Any] | None = None) -> None:
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        columns = cursor.execute(COLUMNS, [table]).fetchall()
    refers = {name: (other, key) for name, other, key in connection.execute(REFERENCES, [table])}
    texts = " ".join(row[0] for row in connection.execute(CHECKS, [table]))
    allowed = dict(ONE_OF.findall(texts))
    values = dict(MORE.get(table, {}) if given is None else given)
    for column in columns:
        if column.required and column.name not in values:
            values[column.name] = _value(connection, column, refers, allowed)
    query = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table), SQL(", ").join(map(Identifier, values)), SQL(", ").join(Placeholder() * len(values))
    )
    connection.execute(query, list(values.values()))


def _value(
    connection: Connection[Any], column: Column, refers: dict[str, tuple[str, str]], allowed: dict[str, str]
) -> Any:
    if column.name in refers:
        other, key = refers[column.name]
        query = SQL("SELECT {} FROM {} LIMIT 1").format(Identifier(key), Identifier(other))
        row = connection.execute(query).fetchone()
        if row is None:
            raise LookupError(f"{other} is empty")
        return row[0]
    if column.name in allowed:
        return allowed[column.name]
    if column.type in VALUES:
        return VALUES[column.type]()
    return "x" if "char" in column.type or column.type in ("text", "citext", "name", "inet") else 1
