"""Named SQL statements: one `.sql` file each, read once, run on a psycopg connection."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast

from psycopg import Connection
from psycopg.rows import class_row

T = TypeVar("T")
FOLDER = Path(__file__).parent


@cache
def statement(name: str) -> LiteralString:
    """The text of `name`.sql in this folder. It is code of ours, never input, hence the type."""
    return cast("LiteralString", (FOLDER / f"{name}.sql").read_text())


def fetch_all(connection: Connection[Any], name: str, row: type[T] | Callable[..., T], **values: Any) -> list[T]:
    """Run statement `name` with `values`; each result row becomes a `row`."""
    with connection.cursor(row_factory=class_row(cast(type[T], row))) as cursor:
        return cursor.execute(statement(name), values).fetchall()


def fetch_one(connection: Connection[Any], name: str, row: type[T] | Callable[..., T], **values: Any) -> T | None:
    """As `fetch_all`, for statements with at most one row."""
    rows = fetch_all(connection, name, row, **values)
    return rows[0] if rows else None
