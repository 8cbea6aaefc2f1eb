"""The opened database: which tables may be used, and what the server's catalog says about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from jobsapp.config import Settings
from jobsapp.processors.sdk import Permanent

from .opened import table_name

Connection = psycopg.Connection[tuple[Any, ...]]

# A worker that is frozen in the middle of a batch shall not keep its locks from the attempt after it.
SESSION = """SELECT set_config('lock_timeout', '10s', false), set_config('DateStyle', 'ISO', false),
set_config('idle_in_transaction_session_timeout', '60s', false)"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> ''
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
# Neither partial ones nor ones on expressions: such a key does not tell every row from every other.
UNIQUE = """
SELECT i.indisprimary, array(
  SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
  WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i
WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC"""


@dataclass(frozen=True)
class Column:
    """`type` as the server writes it, such as `numeric(10,2)`. `made`: the server computes it, nobody else may."""

    name: str
    type: str
    made: bool


@dataclass(frozen=True)
class Table:
    """A table that may be used. `unique`: the columns of its unique indexes, the primary key first."""

    name: str
    identifier: sql.Identifier
    columns: dict[str, Column]
    primary: tuple[str, ...]
    unique: tuple[frozenset[str], ...]

    def check(self, names: Iterable[str], field: str, *, written: bool = False) -> None:
        """Raises `Permanent` if one of them is no column, or is `written` and may not be."""
        for name in names:
            if name not in self.columns:
                known = ", ".join(self.columns)
                raise Permanent(f"{field}: {self.name} has no column {name!r}. It has {known}.")
            if written and self.columns[name].made:
                raise Permanent(
                    f"{field}: the column {name!r} of {self.name} is computed by the database. Leave it out."
                )

    def key(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The columns that tell its rows apart: those wanted, or the primary key."""
        self.check(wanted, "key")
        found = tuple(dict.fromkeys(wanted)) or self.primary
        if not found:
            raise Permanent(f"{self.name} has no primary key. Name the key's columns.")
        if frozenset(found) not in self.unique:
            raise Permanent(
                f"key: {', '.join(found)} has no unique index in {self.name}. Make one, or choose another key."
            )
        return found


def connect(settings: Settings, purpose: str) -> Connection:
    """To the opened database. A statement that waits for another's lock gives up after ten seconds."""
    if not settings.bulk_database_url:
        raise Permanent("No database is opened for bulk operations. The administrator sets JOBSAPP_BULK_DATABASE_URL.")
    connection = psycopg.connect(
        settings.bulk_database_url,
        autocommit=True,
        connect_timeout=10,
        application_name=purpose,
        client_encoding="utf8",
    )
    connection.execute(SESSION)
    return connection


def open_table(connection: Connection, settings: Settings, wanted: str) -> Table:
    """Raises `Permanent` if it is not opened, is not there, or is no table."""
    try:
        name = table_name(settings, wanted)
    except ValueError as error:
        raise Permanent(str(error)) from None
    identifier = sql.Identifier(*name)
    quoted = identifier.as_string(connection)
    found = connection.execute("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", [quoted]).fetchone()
    if not found or found[0] not in "rp":
        raise Permanent(
            f"table: {'.'.join(name)} is opened, but the database has no such table that this user can see."
        )
    columns = {row[0]: Column(row[0], row[1], row[2]) for row in connection.execute(COLUMNS, [quoted])}
    indexes = connection.execute(UNIQUE, [quoted]).fetchall()
    primary = next((tuple(names) for is_primary, names in indexes if is_primary), ())
    return Table(".".join(name), identifier, columns, primary, tuple(frozenset(names) for _, names in indexes))
