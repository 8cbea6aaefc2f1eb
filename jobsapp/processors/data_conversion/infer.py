"""Types over the whole file: a column becomes more than text only where nothing at all would change."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .duck import literal
from .table import Column, Kind, Table
from .work import Work

NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
# DuckDB's JSON reader also takes NaN, Infinity and a comma before a closing bracket.
NOT_JSON = r",\s*[\]}]|(?i:[:\[,]\s*-?(nan|inf))"


@dataclass(frozen=True)
class Guess:
    """A type, and the SQL condition under which one value ({0}) keeps every character in it."""

    label: str
    kind: Kind
    type: str
    test: str


def _cast(type_: str) -> str:
    return f"TRY_CAST({{0}} AS {type_})::VARCHAR = {{0}}"


JSON_GUESSES = (
    Guess("number", "token", "VARCHAR", f"regexp_full_match({{0}}, {literal(NUMBER)})"),
    Guess("boolean", "token", "BOOLEAN", "{0} IN ('true', 'false')"),
    Guess(
        "json",
        "token",
        "JSON",
        f"left({{0}}, 1) IN ('{{{{', '[') AND json_valid({{0}}) AND NOT contains({{0}}, chr(10)) "
        f"AND NOT contains({{0}}, chr(13)) AND NOT regexp_matches({{0}}, {literal(NOT_JSON).replace('}', '}}')})",
    ),
)
PARQUET_GUESSES = (
    Guess("integer", "token", "BIGINT", _cast("BIGINT")),
    *(Guess("decimal", "token", f"DECIMAL(38,{scale})", _cast(f"DECIMAL(38,{scale})")) for scale in (0, 2, 4)),
    Guess("number", "token", "DOUBLE", _cast("DOUBLE") + " AND regexp_matches({0}, '^[-0-9]')"),
    Guess("boolean", "token", "BOOLEAN", "{0} IN ('true', 'false')"),
    Guess("date", "text", "DATE", _cast("DATE") + " AND regexp_matches({0}, '^[0-9]')"),
    Guess("timestamp", "text", "TIMESTAMP", _cast("TIMESTAMP") + " AND regexp_matches({0}, '^[0-9]')"),
    JSON_GUESSES[2],
)


def infer(work: Work, table: Table) -> Table:
    """Read the whole table once and give each column the first type that holds all its values exactly."""
    guesses = PARQUET_GUESSES if work.data.target_format == "parquet" else JSON_GUESSES
    tests = [_holds_for_all(guess, column.sql) for column in table.columns for guess in guesses]
    row = work.duck.run(f"SELECT {', '.join(tests)} FROM {table.sql}", work.stage, "Looking at the types…")[0]
    step = len(guesses)
    columns = [_typed(column, guesses, row[n * step :]) for n, column in enumerate(table.columns)]
    return replace(table, columns=tuple(columns))


def _holds_for_all(guess: Guess, sql: str) -> str:
    return f"bool_and(coalesce({guess.test.format(sql)}, false)) FILTER ({sql} IS NOT NULL)"


def _typed(column: Column, guesses: Sequence[Guess], fits: Sequence[bool | None]) -> Column:
    for guess, fit in zip(guesses, fits, strict=False):
        if fit:
            return replace(column, kind=guess.kind, type=guess.type, label=guess.label)
    return column
