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
SELECT confrelid::regclass::text AS other,
  ARRAY(SELECT attname FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
    JOIN pg_attribute ON attrelid = conrelid AND attnum = key.number ORDER BY key.place)::text[] AS columns,
  ARRAY(SELECT attname FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
    JOIN pg_attribute ON attrelid = confrelid AND attnum = key.number ORDER BY key.place)::text[] AS keys
FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass
ORDER BY cardinality(conkey) DESC
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
    # The scopes of a token among them, of which one must be given.
    "text[]": lambda: ["read"],
}
# What a constraint asks for beyond the columns that must not be empty. A new table may need a line here.
MORE: dict[str, dict[str, Any]] = {
    "limits": {"max_active": 1},
    "notification_rules": {"events": ["failed"]},
    "schedules": {"every_seconds": 60, "declared": "x"},
}
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
    texts = " ".join(row[0] for row in connection.execute(CHECKS, [table]))
    allowed = dict(ONE_OF.findall(texts))
    values = dict(MORE.get(table, {}) if given is None else given)
    required = [one for one in columns if one.required and one.name not in values]
    values |= _referred(connection, table, {one.name for one in required})
    for column in required:
        if column.name not in values:
            values[column.name] = allowed[column.name] if column.name in allowed else _value(column)
    query = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table), SQL(", ").join(map(Identifier, values)), SQL(", ").join(Placeholder() * len(values))
    )
    connection.execute(query, list(values.values()))


def _referred(connection: Connection[Any], table: str, required: set[str]) -> dict[str, Any]:
    """What the row has to take from others: of several columns that refer together, from the same one."""
    found: dict[str, Any] = {}
    for other, names, keys in connection.execute(REFERENCES, [table]).fetchall():
        if not required & set(names) - set(found):
            continue
        query = SQL("SELECT {} FROM {} LIMIT 1").format(SQL(", ").join(map(Identifier, keys)), Identifier(other))
        row = connection.execute(query).fetchone()
        if row is None:
            raise LookupError(f"{other} is empty")
        found |= dict(zip(names, row, strict=True))
    return found


def _value(column: Column) -> Any:
    if column.type in VALUES:
        return VALUES[column.type]()
    return "x" if "char" in column.type or column.type in ("text", "citext", "name", "inet") else 1
