"""Rows of a table that match a filter: change, delete, download."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context, Permanent

from .catalog import Connection, Table, connect, open_table
from .choices import Condition
from .engine import Batch, Engine
from .model import BulkInput
from .pieces import Settled
from .rows import Item

SAMPLE = 5
LOOK_EVERY = 5_000
COMMA = sql.SQL(", ")
Key = tuple[int, tuple[str, ...]]


def run_filtered(data: BulkInput, context: Context, settings: Settings) -> dict[str, Any]:
    """Do it to all rows that match, and say what came of it."""
    with connect(settings, f"jobsapp {context.job_id}") as connection:
        table = open_table(connection, settings, data.table)
        table.check([one.column for one in data.filter], "filter")
        table.check(data.changes, "changes", written=True)
        where = conditions(table, data.filter)
        if data.operation == "export":
            return {"table": table.name} | _export(data, context, connection, table, where)
        return {"table": table.name} | _change(data, context, connection, table, where)


def conditions(table: Table, tests: Sequence[Condition]) -> sql.Composable:
    """All of them as SQL; values are quoted literals of the column's type."""
    return sql.SQL(" AND ").join(_condition(table, one) for one in tests) if tests else sql.SQL("true")


def _condition(table: Table, one: Condition) -> sql.Composed:
    column, kind = sql.Identifier(one.column), table.columns[one.column].type
    match one.test:
        case "is empty":
            return sql.SQL("{} IS NULL").format(column)
        case "is not empty":
            return sql.SQL("{} IS NOT NULL").format(column)
        case "like":
            return sql.SQL("{}::text LIKE {}").format(column, sql.Literal(str(one.value)))
        case "in" | "not in":
            values = one.value if isinstance(one.value, list) else [one.value]
            test = sql.SQL("IN" if one.test == "in" else "NOT IN")
            return sql.SQL("{} {} ({})").format(column, test, COMMA.join(_literal(value, kind) for value in values))
    test = sql.SQL("<>" if one.test == "!=" else one.test)
    return sql.SQL("{} {} {}").format(column, test, _literal(one.value, kind))


def _literal(value: Any, kind: str) -> sql.Composed:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # `kind` is what the server itself calls the column's type.
    return sql.SQL("CAST({} AS {})").format(sql.Literal(text), sql.SQL(kind))


def _count(connection: Connection, table: Table, where: sql.Composable) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(table.identifier, where)
    try:
        (number,) = connection.execute(query).fetchone() or (0,)
    except (psycopg.DataError, psycopg.ProgrammingError) as error:
        raise Permanent(f"filter: {error.diag.message_primary}.") from None
    return int(number)


def _sample(connection: Connection, table: Table, where: sql.Composable) -> list[dict[str, Any]]:
    columns = COMMA.join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.columns)
    query = sql.SQL("SELECT {} FROM {} WHERE {} LIMIT {}").format(columns, table.identifier, where, SAMPLE)
    return [dict(zip(table.columns, row, strict=True)) for row in connection.execute(query)]


def _change(
    data: BulkInput, context: Context, connection: Connection, table: Table, where: sql.Composable
) -> dict[str, Any]:
    if not table.primary:
        raise Permanent(f"{table.name} has no primary key, so that its rows cannot be told apart.")
    if changed := set(table.primary) & data.changes.keys():
        raise Permanent(
            f"changes: {changed.pop()} is part of the primary key of {table.name}, which cannot be changed."
        )
    total = _count(connection, table, where)
    # An attempt after a crash finds fewer, never more.
    if total > data.expected_max:
        raise Permanent(
            f"{total:,} rows match, but at most {data.expected_max:,} were expected (expectedMax). Nothing was changed."
        )
    sample = {"sample": _sample(connection, table, where)} if data.dry_run else {}
    return Engine(data, context, connection, Matches(connection, table, where, data.changes, total)).run() | sample


class Matches:
    """The rows that match, by their primary keys. `changes`: new values; without any the rows are deleted."""

    first_line = 1

    def __init__(
        self, connection: Connection, table: Table, where: sql.Composable, changes: dict[str, str], total: int
    ) -> None:
        self._connection, self._table, self._where, self._changes = connection, table, where, changes
        self._keys = [sql.Identifier(name) for name in table.primary]
        self._kinds = [table.columns[name].type for name in table.primary]
        self.total = total

    def batches(self, place: dict[str, Any] | None, size: int) -> Iterator[Batch[Key]]:
        number, after = (place["number"], place["after"]) if place else (0, None)
        # By the columns themselves: a bare name would mean the texts that are selected, in another order.
        keys = COMMA.join(sql.SQL("t.{}").format(key) for key in self._keys)
        texts = COMMA.join(sql.SQL("t.{}::text").format(key) for key in self._keys)
        query = "SELECT {} FROM {} t WHERE ({}) AND {} ORDER BY {} LIMIT {}"
        while True:
            later = sql.SQL("({}) > ({})").format(keys, self._values(after)) if after else sql.SQL("true")
            found = self._connection.execute(
                sql.SQL(query).format(texts, self._table.identifier, self._where, later, keys, size)
            ).fetchall()
            if not found:
                return
            after = list(found[-1])
            entries: list[Any] = [(number + turn, tuple(key)) for turn, key in enumerate(found, 1)]
            number += len(found)
            yield Batch(entries, {"number": number, "after": after})

    def open(self) -> Callable[[Sequence[Key]], Settled[Key]]:
        return self._send

    def item(self, entry: Key) -> Item:
        number, key = entry
        return Item(number, number, 0, 0, dict(zip(self._table.primary, key, strict=True)))

    def _send(self, entries: Sequence[Key]) -> Settled[Key]:
        """Those that still match: others may have changed them since."""
        table, where = self._table.identifier, self._where
        these = sql.SQL("({}) IN ({}) AND ({})").format(COMMA.join(self._keys), self._all(entries), where)
        if not self._changes:
            done = self._connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table, these)).rowcount
            counts = {"deleted": done}
        else:
            change = COMMA.join(
                sql.SQL("{} = {}").format(sql.Identifier(name), _literal(value, self._table.columns[name].type))
                for name, value in self._changes.items()
            )
            done = self._connection.execute(sql.SQL("UPDATE {} SET {} WHERE {}").format(table, change, these)).rowcount
            counts = {"updated": done}
        return Settled(counts | ({"noLongerMatching": len(entries) - done} if done < len(entries) else {}))

    def _all(self, entries: Sequence[Key]) -> sql.Composed:
        """A query that gives these keys, each column with its type."""
        names = [sql.Identifier(f"k{place}") for place in range(len(self._keys))]
        texts = [
            sql.SQL("{}::text[]").format(sql.Literal([key[place] for _, key in entries])) for place in range(len(names))
        ]
        casts = [sql.SQL("CAST({} AS {})").format(n, sql.SQL(kind)) for n, kind in zip(names, self._kinds, strict=True)]
        given = (COMMA.join(casts), COMMA.join(texts), COMMA.join(names))
        return sql.SQL("SELECT {} FROM unnest({}) AS k ({})").format(*given)

    def _values(self, key: Sequence[str]) -> sql.Composed:
        return COMMA.join(_literal(value, kind) for value, kind in zip(key, self._kinds, strict=True))


def _export(
    data: BulkInput, context: Context, connection: Connection, table: Table, where: sql.Composable
) -> dict[str, Any]:
    with connection.transaction():
        # What is counted is what is written, whatever others do meanwhile.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        total = _count(connection, table, where)
        columns = list(table.columns)
        facts = {"rows": total, "columns": columns}
        if data.dry_run:
            context.progress(total, total, f"Only tried: {total:,} rows match")
            return {"outcome": "tried", **facts, "sample": _sample(connection, table, where)}
        name = f"{table.name}.{data.export_format}"
        with context.artifact(name) as artifact:
            _write(data, context, connection, _selected(table, where), total, artifact.path)
            return {"outcome": "done", **facts, "bytes": artifact.path.stat().st_size}


def _selected(table: Table, where: sql.Composable) -> sql.Composed:
    order = sql.SQL("ORDER BY {}").format(COMMA.join(map(sql.Identifier, table.primary))) if table.primary else None
    return sql.SQL("SELECT * FROM {} WHERE {} {}").format(table.identifier, where, order or sql.SQL(""))


def _write(
    data: BulkInput, context: Context, connection: Connection, rows: sql.Composed, total: int, path: Path
) -> None:
    lines = data.export_format == "jsonl"
    # Characters that cannot be in JSON: so nothing is quoted or escaped.
    copy_as = "FORMAT csv, HEADER false, QUOTE E'\\x01', DELIMITER E'\\x02'" if lines else "FORMAT csv, HEADER true"
    # Line breaks of JSON are escaped, but for those between the parts of a `json` value.
    as_json = "SELECT translate(row_to_json(r)::text, E'\\n\\r', '  ') FROM ({}) r"
    query = sql.SQL(as_json).format(rows) if lines else rows
    # A first message of its own is the header.
    written = 0 if lines else -1
    with (
        path.open("wb") as file,
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT ({})").format(query, sql.SQL(copy_as))) as copy,
    ):
        for line in copy:
            file.write(line)
            written += 1
            if written % LOOK_EVERY == 0:
                context.check_cancelled()
                context.progress(written, total, f"{written:,} rows")
    context.progress(written, total, f"{written:,} rows")
