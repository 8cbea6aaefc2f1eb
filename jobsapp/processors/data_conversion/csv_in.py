"""A CSV or TSV file as a table for DuckDB: its dialect, its header, and what to do when it is broken."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from .duck import literal
from .encoding import suggestion
from .model import ConversionInput
from .table import Column, Table, clean_names

DELIMITERS = (",", ";", "\t", "|")
HEADER_LIMIT = 16 << 20
LONG_LINES = 64 << 20
# What DuckDB reads without being told of longer lines is a little more.
LONGEST = 2_000_000
# 2 to 5 % faster than the 32 MB that DuckDB takes by itself.
BUFFER = 4 << 20


@dataclass(frozen=True)
class Dialect:
    """How the file at `path` (UTF-8) is written. `skip`: blank lines before the first record.

    `pieces`: the same rows in files without a header; `longest`: bytes of their longest record.
    """

    path: Path
    delimiter: str
    quote: str
    header: bool
    null_text: str
    skip: int = 0
    pieces: tuple[Path, ...] = ()
    longest: int = 0

    def read(self, columns: int) -> str:
        """The `read_csv(…)` that gives c0, c1, … as text and refuses what is not strictly CSV."""
        names = ", ".join(f"c{n}: 'VARCHAR'" for n in range(columns))
        options = {
            "columns": "{" + names + "}",
            "auto_detect": "false",
            "all_varchar": "true",
            "strict_mode": "true",
            "allow_quoted_nulls": "false",
            "compression": "'none'",
            "delim": literal(self.delimiter),
            "quote": literal(self.quote),
            "escape": literal(self.quote),
            "nullstr": literal(self.null_text),
        }
        if self.pieces:
            # The parallel reader guesses where records begin, and of several files it does not find the line end.
            options |= {"header": "false", "parallel": "false", "new_line": r"'\n'"}
            if self.longest > LONGEST:
                room = str(self.longest + LONGEST)
                options |= {"max_line_size": room, "buffer_size": room}
        else:
            options |= {"header": str(self.header).lower(), "skip": str(self.skip), "buffer_size": str(BUFFER)}
        files = "[" + ", ".join(literal(str(path)) for path in self.pieces or [self.path]) + "]"
        return f"read_csv({files}, " + ", ".join(f"{k}={v}" for k, v in options.items()) + ")"


@dataclass(frozen=True)
class CsvFile:
    """A dialect with the names of its columns."""

    dialect: Dialect
    names: tuple[str, ...]

    def table(self) -> Table:
        columns = tuple(Column(name, f"c{n}") for n, name in enumerate(self.names))
        return Table(self.dialect.read(len(self.names)), columns)

    def in_pieces(self, pieces: tuple[Path, ...], longest: int) -> CsvFile:
        """The same rows, read from other files. `longest`: bytes of the longest record."""
        return replace(self, dialect=replace(self.dialect, pieces=pieces, longest=longest))


def open_csv(path: Path, data: ConversionInput, *, tabs: bool) -> CsvFile:
    """Look at the first record. Raises `Permanent` if there is none or its names will not do."""
    skip = _blank_lines(path)
    delimiter = data.delimiter or ("\t" if tabs else _delimiter(path, data.quote))
    dialect = Dialect(path, delimiter, data.quote, data.header, data.null_text, skip)
    first = _first_record(dialect)
    if not data.header:
        return CsvFile(dialect, tuple(f"column_{n}" for n in range(1, len(first) + 1)))
    names = clean_names(first, data.on_bad_header)
    return CsvFile(dialect, tuple(names))


def _first_record(dialect: Dialect) -> list[str]:
    csv.field_size_limit(HEADER_LIMIT)
    reader = csv.reader(
        _lines(dialect.path, dialect.skip),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        strict=True,
    )
    try:
        first = next(reader, None)
    except csv.Error as error:
        raise Permanent(f"Line {dialect.skip + 1} is not CSV: {error}. Check its quotes.") from None
    if first is None:
        raise Permanent("The file is empty: there is not even a header.")
    return first


def _lines(path: Path, skip: int) -> Iterator[str]:
    """Lines of the head of the file, without a byte-order mark. Raises `Permanent` for one that is not UTF-8."""
    size = 0
    too_long = Permanent(f"The header is longer than {HEADER_LIMIT >> 20} MB. Is a quote never closed?")
    # Text is decoded in blocks; what is wrong further on in the block is not the header's fault.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number in count(1):
            line = file.readline(HEADER_LIMIT + 1 - size)
            size += len(line)
            if size > HEADER_LIMIT:
                raise too_long
            if not line:
                return
            if re.search("[\udc80-\udcff]", line):
                raise Permanent(f"Line {number:,} is not UTF-8. {suggestion(path, 0)}")
            if number > skip:
                yield line


def _blank_lines(path: Path) -> int:
    for number, line in enumerate(_lines(path, 0)):
        if line.strip("\r\n"):
            return number
    raise Permanent("The file is empty: there is not even a header.")


def _delimiter(path: Path, quote: str) -> str:
    """The candidate that cuts the first line into most values, a comma if none does."""
    line = next(_lines(path, _blank_lines(path)), "")
    bare = re.sub(f"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", line)
    return max(DELIMITERS, key=bare.count)
