"""Broken rows of a CSV file: found by DuckDB, placed by their byte, told in a sentence."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from .csv_in import CsvFile
from .encoding import suggestion
from .work import BadRow, Work

ERRORS = """
    SELECT line_byte_position - 1, min_by(error_type::VARCHAR, byte_position),
           min_by(csv_line, byte_position), min_by(error_message, byte_position)
    FROM reject_errors GROUP BY 1 ORDER BY 1
"""
TEXT_LIMIT = 10_000
KINDS = {
    "MISSING COLUMNS": "too few values",
    "TOO MANY COLUMNS": "too many values",
    "UNQUOTED VALUE": "quote",
    "INVALID ENCODING": "encoding",
    "LINE SIZE OVER MAXIMUM": "too long",
}


def read_rejects(work: Work, file: CsvFile) -> list[BadRow]:
    """The broken rows of the statement that ran last with rejects, in the order of the file."""
    rows = work.duck.run(ERRORS, work.stage.rest(), "Listing broken rows…")
    path = file.dialect.path
    lines = physical_lines(path, [row[0] for row in rows])
    return [
        BadRow(line, byte, KINDS.get(kind, kind.lower()), (text or "")[:TEXT_LIMIT], _message(kind, line, reason))
        for line, (byte, kind, text, reason) in zip(lines, rows, strict=True)
    ]


def forget_rejects(work: Work) -> None:
    for table in ("reject_errors", "reject_scans"):
        work.duck.run(f"DROP TABLE IF EXISTS {table}", work.stage.rest(), "Preparing…")


def find_rejects(work: Work, file: CsvFile) -> list[BadRow]:
    """Read the whole file again, only to find its broken rows."""
    forget_rejects(work)
    table = file.table(rejects=True)
    touched = " + ".join(f"coalesce(strlen({column.sql}), 0)" for column in table.columns)
    work.duck.run(f"SELECT sum({touched}) FROM {table.sql}", work.stage.rest(), "Finding the broken row…")
    return read_rejects(work, file)


def refuse(work: Work, file: CsvFile, bad: BadRow) -> Permanent:
    """The error for the first broken row."""
    if bad.kind == "encoding":
        return Permanent(f"{bad.message} {suggestion(file.dialect.path, bad.byte)}")
    if bad.kind == "quote":
        return Permanent(f"{bad.message} Close or double the quotes in that row.")
    hint = "Correct the row, or choose to skip broken rows."
    if work.data.on_bad_row == "skip":
        hint = "Correct the file, or allow more broken rows."
    return Permanent(f"{bad.message} {hint}")


def judge(work: Work, file: CsvFile, rejected: Sequence[BadRow]) -> None:
    """Raise `Permanent` if these rows may not be skipped."""
    size = file.dialect.path.stat().st_size
    for bad in rejected:
        # A quote that is never closed swallows all that follows: skipping it would lose good rows in silence.
        if bad.kind == "quote" and bad.byte + len(bad.text.encode()) >= min(size - 2, bad.byte + TEXT_LIMIT):
            raise refuse(work, file, bad)
    limit = work.data.max_bad_rows
    if limit is not None and len(rejected) > limit:
        raise Permanent(
            f"{len(rejected):,} rows are broken, more than the {limit:,} allowed. The first: {rejected[0].message}"
        )


def physical_lines(path: Path, positions: Sequence[int]) -> list[int]:
    """The line (from 1) of each byte position, given in rising order. `\\n`, `\\r\\n` and `\\r` end a line."""
    result: list[int] = []
    line, at, carriage = 1, 0, False
    with path.open("rb") as file:
        for position in positions:
            while at < position and (chunk := file.read(min(1 << 20, position - at))):
                line += _breaks(chunk) - (carriage and chunk[:1] == b"\n")
                carriage = chunk[-1:] == b"\r"
                at += len(chunk)
            result.append(line)
    return result


def _breaks(chunk: bytes) -> int:
    return chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")


def _message(kind: str, line: int, reason: str) -> str:
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        numbers = [word for word in reason.replace("\n", " ").split() if word.isdigit()]
        if len(numbers) >= 2:
            return f"Line {line:,} has {numbers[1]} values where {numbers[0]} are expected."
    if kind == "UNQUOTED VALUE":
        return f"Line {line:,} has a quote that is not closed, or text after a closing quote."
    if kind == "INVALID ENCODING":
        return f"Line {line:,} is not UTF-8."
    if kind == "LINE SIZE OVER MAXIMUM":
        return f"Line {line:,} is longer than a row may be."
    return f"Line {line:,} is not valid: {reason.splitlines()[0] if reason else kind.lower()}."
