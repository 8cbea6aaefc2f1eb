"""Mixed line ends made one, outside of quotes, so that DuckDB's strict reader takes the file."""

from __future__ import annotations

import re
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from .csv_in import LONG_LINES, Dialect
from .progress import Stage

CHUNK = 4 << 20


def one_line_end(dialect: Dialect, target: Path, stage: Stage) -> bool:
    """Copy the file with `\\n` at the end of each record. Text inside quotes stays as it is.

    Was there more than one kind of line end?
    """
    size, done, rest = max(dialect.path.stat().st_size, 1), 0, b""
    pattern, kinds = _pattern(dialect), set[bytes]()

    def mend(match: re.Match[bytes]) -> bytes:
        kinds.add(match["end"] or b"")
        return b"\n" if match["end"] else match[0]

    with dialect.path.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            done += len(chunk)
            data = rest + chunk
            cut = _last_record_end(data, pattern)
            writer.write(pattern.sub(mend, data[:cut]))
            rest = data[cut:]
            if len(rest) > LONG_LINES:
                raise Permanent(f"A row is longer than {LONG_LINES >> 20} MB. Is a quote never closed?")
            stage.at(done / size, "Making the line ends one kind…")
        writer.write(pattern.sub(mend, rest))
    return len(kinds - {b""}) > 1


def open_quote(dialect: Dialect, stage: Stage) -> int | None:
    """Where the record begins whose quote is never closed; None if all are."""
    size, rest, start, pattern = max(dialect.path.stat().st_size, 1), b"", 0, _pattern(dialect)
    with dialect.path.open("rb") as reader:
        while chunk := reader.read(max(CHUNK, len(rest))):
            data = rest + chunk
            cut = _last_record_end(data, pattern)
            rest, start = data[cut:], start + cut
            if len(rest) > LONG_LINES:
                return start
            stage.at((start + len(rest)) / size, "Looking for an open quote…")
    at = 0
    for match in pattern.finditer(rest):
        if match["open"] is not None:
            return start + at
        at = match.end() if match["end"] else at
    return None


def _pattern(dialect: Dialect) -> re.Pattern[bytes]:
    """A quoted value (`kept`), one that is not closed (`open`), or a line end (`end`).

    Every piece that is searched begins with a record, hence `\\A`.
    """
    q, d = re.escape(dialect.quote.encode()), re.escape(dialect.delimiter.encode())
    start = rb"(?:\A|(?<=[\r\n])|(?<=" + d + rb"))"
    inside = q + rb"(?:[^" + q + rb"]|" + q + q + rb")*+"
    return re.compile(start + rb"(?:(?P<kept>" + inside + q + rb")|(?P<open>" + inside + rb"\Z))|(?P<end>\r\n|\r|\n)")


def _last_record_end(data: bytes, pattern: re.Pattern[bytes]) -> int:
    """Just after the last line end that is surely outside of quotes; 0 if there is none."""
    end = 0
    for match in pattern.finditer(data):
        if match["open"] is not None:
            break
        if match["end"] and match.end() < len(data):
            end = match.end()
    return end
