"""Broken rows of a CSV file: found by DuckDB, placed by their byte, told in a sentence."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobsapp.processors.sdk import Permanent

from .csv_in import CsvFile
from .csv_repair import open_quote
from .duck import Rows
from .encoding import suggestion
from .rejects import Rejects
from .work import BadRow, Rejected, Work

TEXT_LIMIT = 10_000
ERRORS = f"""
    SELECT line_byte_position - 1, error_type::VARCHAR, left(csv_line, {TEXT_LIMIT}), left(error_message, 2000)
    FROM reject_errors ORDER BY line_byte_position, byte_position
"""
KINDS = {
    "MISSING COLUMNS": "too few values",
    "TOO MANY COLUMNS": "too many values",
    "UNQUOTED VALUE": "quote",
    "INVALID ENCODING": "encoding",
    "LINE SIZE OVER MAXIMUM": "too long",
}


def count_rejects(work: Work, where: str = "true") -> int:
    """How many rows the statement that ran last with rejects has broken."""
    sql = f"SELECT count(DISTINCT line_byte_position) FROM reject_errors WHERE {where}"
    return int(work.duck.run(sql, work.stage.rest(), "Counting broken rows…")[0][0])


def any_too_long(work: Work) -> bool:
    return count_rejects(work, "error_type = 'LINE SIZE OVER MAXIMUM'") > 0


def keep_rejects(work: Work, file: CsvFile) -> Rejected:
    """Write down the broken rows, in the order of the file. Raises `Permanent` if they may not be skipped."""
    limit, found = work.data.max_bad_rows, count_rejects(work)
    if limit is not None and found > limit and (first := _first(work, file)):
        raise Permanent(f"{found:,} rows are broken, more than the {limit:,} allowed. The first: {first.message}")
    rejects, last = Rejects(work.data, work.scratch("rejected.jsonl")), _Last(file.dialect.path)
    size = file.dialect.path.stat().st_size

    def take(rows: Rows) -> None:
        for row in rows:
            if bad := last.row(row):
                _refuse_open_quote(work, file, bad, size)
                rejects.add(bad)

    work.duck.each(ERRORS, take, work.stage.rest(), "Listing broken rows…")
    return rejects.finish()


def _first(work: Work, file: CsvFile) -> BadRow | None:
    rows = work.duck.run(ERRORS + "LIMIT 1", work.stage.rest(), "Finding the broken row…")
    return _Last(file.dialect.path).row(rows[0]) if rows else None


class _Last:
    """Makes bad rows of errors, one for each row of the file: the first of its errors."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path)
        self._byte = -1

    def row(self, error: tuple[Any, ...]) -> BadRow | None:
        byte, kind, text, reason = error
        if byte == self._byte:
            return None
        self._byte = byte
        line = self._lines.at(byte)
        return BadRow(line, byte, KINDS.get(kind, kind.lower()), text or "", _message(kind, line, reason))


def forget_rejects(work: Work) -> None:
    for table in ("reject_errors", "reject_scans"):
        work.duck.run(f"DROP TABLE IF EXISTS {table}", work.stage.rest(), "Preparing…")


def find_reject(work: Work, file: CsvFile) -> BadRow | None:
    """Read the whole file again, only to find its first broken row. Raises `Permanent` if DuckDB cannot."""
    forget_rejects(work)
    table = file.table(rejects=True)
    touched = " + ".join(f"coalesce(strlen({column.sql}), 0)" for column in table.columns)
    try:
        work.duck.run(f"SELECT sum({touched}) FROM {table.sql}", work.stage.rest(), "Finding the broken row…")
        if bad := _first(work, file):
            return bad
    except work.duck.error as error:
        raise Permanent(f"The file cannot be read: {str(error).splitlines()[0]}") from None
    refuse_open_quote(work, file)
    return None


def refuse_open_quote(work: Work, file: CsvFile) -> None:
    """In sequence, DuckDB leaves out without a word a last record whose quote is never closed."""
    start = open_quote(file.dialect, work.stage.rest())
    if start is not None:
        line = Lines(file.dialect.path).at(start)
        raise refuse(work, file, BadRow(line, start, "quote", "", _message("UNQUOTED VALUE", line, "")))


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


def _refuse_open_quote(work: Work, file: CsvFile, bad: BadRow, size: int) -> None:
    """A quote that is never closed swallows all that follows: skipping it would lose good rows in silence."""
    if bad.kind == "quote" and bad.byte + len(bad.text.encode()) >= min(size - 2, bad.byte + TEXT_LIMIT):
        raise refuse(work, file, bad)


class Lines:
    """Physical lines of the file at `path`. `\\n`, `\\r\\n` and `\\r` end a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line, self._at, self._carriage = 1, 0, False

    def at(self, position: int) -> int:
        """The line (from 1) of a byte position; positions are asked for in rising order."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            while self._at < position and (chunk := file.read(min(1 << 20, position - self._at))):
                self._line += _breaks(chunk) - (self._carriage and chunk[:1] == b"\n")
                self._carriage = chunk[-1:] == b"\r"
                self._at += len(chunk)
        return self._line


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
