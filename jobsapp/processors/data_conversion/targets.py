"""Tables out of DuckDB: one COPY statement per target format."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .duck import literal
from .duck import name as identifier
from .model import Compression, ConversionInput
from .table import Column, Table

# A character that no JSON text holds, so that the CSV writer never finds a reason to quote a line.
NEVER = "\x01"
# DuckDB holds a row group of Parquet per thread in memory until it is full: by default 122,880 rows, at least 2,048.
FEW_ROWS, MANY_ROWS, GROUP_BYTES = 2_048, 122_880, 48 << 20


def group_rows(row_size: float) -> int:
    """How many rows of so many bytes go into one row group of Parquet."""
    return min(max(int(GROUP_BYTES / max(row_size, 1.0)) // FEW_ROWS, 1) * FEW_ROWS, MANY_ROWS)


def copy(table: Table, target: Path, data: ConversionInput, rows: int = MANY_ROWS) -> str:
    """The statement that writes `table` to `target` in the chosen format. It gives the number of rows.

    `rows`: how many go into one row group of Parquet.
    """
    if data.target_format == "parquet":
        return _parquet(table, target, data.compression, rows)
    if data.target_format in ("csv", "tsv"):
        return _csv(table, target, data)
    return _json(table, target, data)


def _json(table: Table, target: Path, data: ConversionInput) -> str:
    array = data.target_format == "json"
    if _plain(table.columns):
        options = "FORMAT json" + (", ARRAY true" if array else "")
        return _statement(_named(table.columns), table, target, options, data.compression)
    # DuckDB's own writer prints numbers anew (1.50 becomes 1.5), so lines are put together as text.
    rows = f"(SELECT {json_line(table.columns)} FROM {table.sql})"
    around = r", PREFIX E'[\n', NEW_LINE E',\n', SUFFIX E'\n]\n'" if array else ""
    return raw_lines(rows, target, data.compression, around)


def raw_lines(rows: str, target: Path, compression: Compression, options: str = "") -> str:
    """The statement that writes the one text column of `rows` (after FROM) as lines, unquoted."""
    plain = f"FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER {literal(NEVER)}{options}"
    return _statement("*", Table(rows, ()), target, plain, compression)


def json_line(columns: Sequence[Column]) -> str:
    """An SQL expression: the row as one JSON object, every token as it is in its column."""
    parts = []
    for number, column in enumerate(columns):
        key = f"to_json({literal(column.name)}::VARCHAR)"
        value = column.sql if column.kind == "token" else f"to_json({column.sql})"
        parts += [literal("," if number else "{"), key, "':'", f"coalesce(({value})::VARCHAR, 'null')"]
    return f"concat({', '.join(parts)}, '}}')"


def _plain(columns: Sequence[Column]) -> bool:
    names = {column.name.casefold() for column in columns}
    return len(names) == len(columns) and all(column.kind == "text" for column in columns)


def _csv(table: Table, target: Path, data: ConversionInput) -> str:
    delimiter = "\t" if data.target_format == "tsv" else ","
    options = f"FORMAT csv, DELIMITER {literal(delimiter)}, QUOTE '\"', ESCAPE '\"', NULLSTR {literal(data.null_text)}"
    columns = [Column(c.name, f"({c.sql})::VARCHAR") for c in table.columns]
    if not data.header or len({c.name.casefold() for c in columns}) == len(columns):
        options += f", HEADER {str(data.header).lower()}"
        return _statement(_named(columns), table, target, options, data.compression)
    # DuckDB would rename columns that differ in capital letters only: then the header is a row.
    header = ", ".join(literal(c.name) for c in columns)
    rows = Table(f"(SELECT {header} UNION ALL SELECT {', '.join(c.sql for c in columns)} FROM {table.sql})", ())
    return _statement("*", rows, target, options + ", HEADER false", data.compression)


def _parquet(table: Table, target: Path, compression: Compression, rows: int) -> str:
    columns = [Column(c.name, f"CAST({c.sql} AS {c.type})") for c in table.columns]
    codec = "gzip" if compression == "gzip" else "zstd"
    return _statement(
        _named(columns), table, target, f"FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE {rows}", None
    )


def _named(columns: Sequence[Column]) -> str:
    return ", ".join(f"{column.sql} AS {identifier(column.name)}" for column in columns)


def _statement(select: str, table: Table, target: Path, options: str, compression: Compression | None) -> str:
    if compression is not None:
        options += f", COMPRESSION {compression}"
    # A file of another name beside the target is outside of the sandbox.
    return f"COPY (SELECT {select} FROM {table.sql}) TO {literal(str(target))} ({options}, USE_TMP_FILE false)"
