"""How rows of a file get into a table: by COPY, straight or over a temporary table that is then merged by the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from psycopg import sql

from jobsapp.processors.sdk import Permanent

from .catalog import Connection, Table
from .model import BulkInput
from .pieces import Refused, Settled
from .rows import Broken, Item, Rows

STAGE = sql.Identifier("jobsapp_stage")
NUMBER = sql.Identifier("jobsapp_number")
COMMA = sql.SQL(", ")
FIRST = 1_000
"""So many rows of JSON Lines are looked at to see which values there are."""


@dataclass(slots=True)
class Row:
    """An item with its values, in the order of the plan's columns."""

    item: Item
    values: Sequence[str | None]


@dataclass(frozen=True)
class Plan:
    """Which columns come from where. `sources`: column → name in the file."""

    table: Table
    sources: dict[str, str]
    constants: dict[str, str]
    key: tuple[str, ...]
    needed: frozenset[str]
    null_text: str | None
    watched: frozenset[str]
    """Columns that would be filled if the first rows had them."""
    whole: bool
    """A row that lacks a value is refused: rows that are there already would lose theirs."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.sources, *self.constants)

    def prepare(self, item: Item) -> Row | Refused[Row]:
        """Its values, or why there is something wrong with them."""
        if item.broken:
            return Refused(Row(item, ()), item.broken)
        cells, null = item.cells, self.null_text
        if item.plain:
            values = [None if (cell := (cells.get(name) or "").strip()) == null else cell for name in self._names]
        else:
            if wrong := self._incomplete(cells):
                return Refused(Row(item, ()), wrong)
            values = [cells.get(name) for name in self._names]
        values += self.constants.values()
        for place in self._needed:
            if values[place] is None:
                column = self.columns[place]
                return Refused(Row(item, ()), Broken("empty", f"{column} is empty.", column))
        return Row(item, values)

    def _incomplete(self, cells: dict[str, str | None]) -> Broken | None:
        if not self.watched.isdisjoint(cells):
            name = next(name for name in cells if name in self.watched)
            return Broken("new_column", f"{name} comes up only here. Say in the mapping where it goes.", name)
        if self.whole and not self._all_names <= cells.keys():
            name = next(name for name in self._names if name not in cells)
            return Broken("missing", f"The row has no {name!r}. Give null to empty it.", name)
        return None

    @cached_property
    def _all_names(self) -> frozenset[str]:
        return frozenset(self._names)

    @cached_property
    def _names(self) -> list[str]:
        return list(self.sources.values())

    @cached_property
    def _needed(self) -> list[int]:
        return [place for place, column in enumerate(self.columns) if column in self.needed]


def make_plan(table: Table, rows: Rows, data: BulkInput) -> Plan:
    """Raises `Permanent` naming the option that does not fit the table or the file."""
    names = rows.names or list(dict.fromkeys(name for item in islice(rows.read(), FIRST) for name in item.cells))
    table.check(data.mapping, "mapping", written=True)
    table.check(data.constants, "constants", written=True)
    same = {name: name for name in names if name in table.columns and name not in data.constants}
    sources = data.mapping or {name: name for name in same if not table.columns[name].made}
    unknown = [name for name in sources.values() if rows.names and name not in names]
    if unknown:
        raise Permanent(f"mapping: the file has no column {unknown[0]!r}. It has {', '.join(names)}.")
    if not sources:
        raise Permanent(
            f"No column of the file ({', '.join(names) or 'none'}) has a name of {table.name} "
            f"({', '.join(table.columns)}). Say in the mapping which is which."
        )
    columns = {*sources, *data.constants}
    key = () if data.mode == "insert" else table.key(data.key)
    missing = [name for name in (*key, *data.required) if name not in columns]
    if missing:
        raise Permanent(f"{missing[0]!r} is needed, but nothing of the file goes there. Say it in the mapping.")
    if data.mode == "update" and not columns - set(key):
        raise Permanent("There is nothing to change: only the key comes from the file.")
    needed = frozenset([*key, *data.required])
    others = frozenset(name for name, column in table.columns.items() if not (name in columns or column.made))
    watched = frozenset() if data.mapping else others
    whole = data.mode in ("upsert", "update")
    return Plan(table, dict(sources), data.constants, key, needed, data.null_text, watched, whole)


class Straight:
    """COPY into the table itself: the server names the line of every error that it finds while it reads."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        columns = COMMA.join(map(sql.Identifier, plan.columns))
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN").format(plan.table.identifier, columns)

    def send(self, rows: Sequence[Row]) -> Settled[Row]:
        with self._connection.cursor() as cursor:
            with cursor.copy(self._copy) as copy:
                for row in rows:
                    copy.write_row(row.values)
            return Settled({"inserted": cursor.rowcount})


class Merged:
    """COPY into a temporary table of the same types, then one statement by the key.

    Where a piece has a key twice the later row counts, and all are counted as they would be one after the other.
    """

    def __init__(self, connection: Connection, plan: Plan, mode: str) -> None:
        self._connection, self._mode = connection, mode
        names = [sql.Identifier(name) for name in plan.columns]
        connection.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT {}, 0 AS {} FROM {} WITH NO DATA").format(
                STAGE, COMMA.join(names), NUMBER, plan.table.identifier
            )
        )
        self._clear = sql.SQL("TRUNCATE {}").format(STAGE)
        self._copy = sql.SQL("COPY {} ({}, {}) FROM STDIN").format(STAGE, COMMA.join(names), NUMBER)
        self._merge = _merge(plan, mode)
        self._missing = _missing(plan, mode)

    def send(self, rows: Sequence[Row]) -> Settled[Row]:
        execute = self._connection.execute
        execute(self._clear)
        with self._connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            for number, row in enumerate(rows):
                copy.write_row((*row.values, number))
        absent: list[Refused[Row]] = []
        if self._missing:
            why = Broken("not_found", "The table has no row with this key.")
            absent = [Refused(rows[number], why) for (number,) in execute(self._missing)]
        (fresh,) = execute(self._merge).fetchone() or (0,)
        return Settled(self._counts(fresh, len(rows) - len(absent)), absent)

    def _counts(self, fresh: int, sent: int) -> dict[str, int]:
        match self._mode:
            case "add":
                return {"inserted": fresh, "alreadyThere": sent - fresh}
            case "upsert":
                return {"inserted": fresh, "updated": sent - fresh}
        return {f"{self._mode}d": sent}


def _merge(plan: Plan, mode: str) -> sql.Composed:
    """One statement that gives how many rows are new."""
    key = COMMA.join(map(sql.Identifier, plan.key))
    others = [sql.Identifier(name) for name in plan.columns if name not in plan.key]
    last = sql.SQL("(SELECT DISTINCT ON ({0}) * FROM {1} ORDER BY {0}, {2} DESC) s").format(key, STAGE, NUMBER)
    parts = {"table": plan.table.identifier, "key": key, "last": last, "number": NUMBER}
    parts["columns"] = COMMA.join(map(sql.Identifier, plan.columns))
    if mode in ("add", "upsert"):
        change = COMMA.join(sql.SQL("{0} = excluded.{0}").format(name) for name in others)
        # Without other columns there is nothing to change, but the row is still one that was there.
        change = change if others else sql.SQL("{0} = excluded.{0}").format(sql.Identifier(plan.key[0]))
        conflict = sql.SQL("NOTHING") if mode == "add" else sql.SQL("UPDATE SET {}").format(change)
        # A row that INSERT has just made was never locked or updated by anybody: its xmax is 0.
        text = (
            "WITH done AS (INSERT INTO {table} AS t ({columns}) SELECT {columns} FROM {last} ORDER BY {number} "
            "ON CONFLICT ({key}) DO {conflict} RETURNING t.xmax = 0 AS fresh) "
            "SELECT count(*) FILTER (WHERE fresh) FROM done"
        )
        return sql.SQL(text).format(**parts, conflict=conflict)
    parts["same"] = _same(plan)
    if mode == "update":
        change = COMMA.join(sql.SQL("{0} = s.{0}").format(name) for name in others)
        text = "WITH done AS (UPDATE {table} t SET {change} FROM {last} WHERE {same}) SELECT 0"
        return sql.SQL(text).format(**parts, change=change)
    text = "WITH done AS (DELETE FROM {table} t USING {last} WHERE {same}) SELECT 0"
    return sql.SQL(text).format(**parts)


def _missing(plan: Plan, mode: str) -> sql.Composed | None:
    """A query for the numbers of the rows whose key the table does not have, or no more: a row is deleted once."""
    if mode not in ("update", "delete"):
        return None
    text = (
        "SELECT n FROM (SELECT s.{number} n, row_number() OVER (PARTITION BY {key} ORDER BY s.{number}) turn, "
        "NOT EXISTS (SELECT FROM {table} t WHERE {same}) absent FROM {stage} s) seen "
        "WHERE absent OR {once} AND turn > 1 ORDER BY n"
    )
    key = COMMA.join(sql.SQL("s.{}").format(sql.Identifier(name)) for name in plan.key)
    once = sql.Literal(mode == "delete")
    return sql.SQL(text).format(
        number=NUMBER, key=key, table=plan.table.identifier, same=_same(plan), stage=STAGE, once=once
    )


def _same(plan: Plan) -> sql.Composed:
    return sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in plan.key)
