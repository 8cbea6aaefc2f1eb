"""Parquet to anything. What a text format cannot hold is refused by column and row before anything is written."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

import re
from collections.abc import Sequence

from jobsapp.processors.sdk import Permanent

from .duck import literal, name
from .grow import copy_growing
from .infer import NOT_JSON
from .model import ConversionInput
from .progress import Stage
from .table import Column, Kind, Table, choose
from .targets import copy
from .work import Outcome, Work

WHOLE = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")
FLOATING = ("FLOAT", "DOUBLE")
NESTED = re.compile(r"\[\d*\]$|^(STRUCT|MAP|UNION|VARIANT)\b")
INEXACT_INSIDE = re.compile(r"\b(DECIMAL|BLOB|BIT|INTERVAL|VARIANT|UNION)\b")


def from_parquet(work: Work) -> Outcome:
    """Raises `Permanent` for what cannot be read or has no place in the target."""
    sql = f"read_parquet({literal(str(work.source.path))}, file_row_number=true)"
    try:
        described = work.duck.run(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {sql}", _start(work), "Opening…")
    except work.duck.error as error:
        raise Permanent(f"The file cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    columns = choose([_typed(row[0], row[1]) for row in described], work.data)
    if work.data.target_format != "parquet":
        columns = tuple(_as_text(column, work.data) for column in columns)
        if not work.kept.found:
            _refuse_values(work, sql, columns)
    if work.data.target_format == "parquet" or work.data.compression != "none":
        # A Parquet file has its index at the end, a packed one its state in memory: half of one is worth nothing.
        statement = copy(Table(sql, columns), work.target, work.data)
        return Outcome(work.duck.run(statement, work.stage.rest(), "Converting…")[0][0], columns)

    def rows_from(first: int) -> Table:
        return Table(f"(SELECT * FROM {sql} WHERE file_row_number >= {first})" if first else sql, columns)

    return Outcome(copy_growing(work, rows_from, "Converting…"), columns)


def _start(work: Work) -> Stage:
    return work.stage.split(1, 99)[0]


def _typed(column: str, type_: str) -> Column:
    return Column(column, name(column), type=type_, label=type_.lower())


def _as_text(column: Column, data: ConversionInput) -> Column:
    """How the column is written in a text format. Raises `Permanent` if it has no exact text."""
    to_json = data.target_format in ("json", "jsonl")
    kind = column.type
    if kind == "BLOB":
        return _binary(column, data)
    if NESTED.search(kind):
        if inside := INEXACT_INSIDE.search(kind):
            raise Permanent(
                f"Column {column.name!r} ({kind}) holds {inside[0]} inside of lists or structs, which has no exact "
                "JSON. Leave the column out, or convert to Parquet."
            )
        return _with(column, f"to_json({column.sql})::VARCHAR", "token")
    if kind == "JSON":
        # Line breaks in JSON text stand between tokens only.
        return _with(column, f"translate({column.sql}::VARCHAR, E'\\r\\n', '  ')", "token")
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _with(column, f"replace(replace({column.sql}::VARCHAR, ' ', 'T'), '+00', 'Z')", "text")
    if WHOLE.fullmatch(kind) or kind in (*FLOATING, "BOOLEAN") or kind.startswith("DECIMAL"):
        return _with(column, f"{column.sql}::VARCHAR", "token" if to_json else "text")
    return _with(column, f"{column.sql}::VARCHAR", "text")


def _with(column: Column, sql: str, kind: Kind) -> Column:
    return Column(column.name, sql, kind, column.type, column.label)


def _binary(column: Column, data: ConversionInput) -> Column:
    if data.binary == "fail":
        raise Permanent(
            f"Column {column.name!r} holds bytes, which {data.target_format.upper()} cannot. Choose to write them "
            "as base64 or hexadecimal text, or leave the column out."
        )
    sql = f"base64({column.sql})" if data.binary == "base64" else f"lower(hex({column.sql}))"
    return _with(column, sql, "text")


def _refuse_values(work: Work, sql: str, columns: Sequence[Column]) -> None:
    """Look for values that JSON has no word for, in the columns that may hold one."""
    if work.data.target_format not in ("json", "jsonl"):
        return
    tests = [(column, test) for column in columns if (test := _no_json(column))]
    if not tests:
        return
    found = ", ".join(f"min(file_row_number) FILTER ({test})" for _, test in tests)
    row = work.duck.run(f"SELECT {found} FROM {sql}", work.stage.split(1, 3)[0].rest(), "Checking values…")[0]
    for (column, _), number in zip(tests, row, strict=True):
        if number is not None:
            raise Permanent(
                f"Row {number + 1:,}, column {column.name!r}: the value is NaN or infinite, or is not valid JSON, "
                "and JSON cannot hold it. Convert to CSV, or leave the column out."
            )


def _no_json(column: Column) -> str | None:
    """The SQL condition under which the value has no JSON; None where each value has."""
    if column.type in FLOATING:
        return f"NOT isfinite({name(column.name)})"
    if column.kind == "token" and (column.type == "JSON" or any(kind in column.type for kind in FLOATING)):
        return f"NOT json_valid({column.sql}) OR regexp_matches({column.sql}, {literal(NOT_JSON)})"
    return None
