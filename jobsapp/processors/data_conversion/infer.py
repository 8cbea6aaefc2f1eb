"""Types over the whole file: a column becomes more than text only where nothing at all would change."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .duck import literal
from .progress import Stage
from .table import Column, Kind, Table
from .work import Work

SAMPLE_ROWS = 20_000
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
    """Read the whole table once and give each column the first type that holds all its values exactly.

    The first rows rule most types out, and those are not tried on the rest: a type refused by one row is refused.
    """
    guesses = PARQUET_GUESSES if work.data.target_format == "parquet" else JSON_GUESSES
    everything = [Trial(column, guess) for column in table.columns for guess in guesses]
    sample = f"(SELECT * FROM {table.sql} LIMIT {SAMPLE_ROWS})"
    first, rest = work.stage.split(1, 99)
    likely = [trial for trial, fit in _try(work, everything, sample, first) if fit is not False]
    fits = _try(work, likely, table.sql, rest) if likely else []
    found = {trial.column: trial.guess for trial, fit in reversed(fits) if fit}
    columns = [_typed(column, found.get(column)) for column in table.columns]
    return replace(table, columns=tuple(columns))


@dataclass(frozen=True)
class Trial:
    """Whether a type fits a column."""

    column: Column
    guess: Guess

    @property
    def sql(self) -> str:
        test = self.guess.test.format(self.column.sql)
        return f"bool_and(coalesce({test}, false)) FILTER ({self.column.sql} IS NOT NULL)"


def _try(work: Work, trials: Sequence[Trial], rows: str, stage: Stage) -> list[tuple[Trial, bool | None]]:
    """Each trial with its verdict over `rows`; None: the column has no value in them."""
    tests = ", ".join(trial.sql for trial in trials)
    fits = work.duck.run(f"SELECT {tests} FROM {rows}", stage, "Looking at the types…")[0]
    return list(zip(trials, fits, strict=True))


def _typed(column: Column, guess: Guess | None) -> Column:
    return column if guess is None else replace(column, kind=guess.kind, type=guess.type, label=guess.label)
