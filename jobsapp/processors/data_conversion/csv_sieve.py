"""One pass over a CSV file in bounded memory: broken rows are named or left out, line ends are made one kind.

DuckDB can list broken rows too, but keeps about a kilobyte of memory for each, loses good rows near them when it
reads in parallel, and takes some broken ones in silence.
"""

from __future__ import annotations

import shutil
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from jobsapp.processors.sdk import Permanent

from .csv_grid import CR, ENCODING, LF, QUOTE, SPACED, Bytes, Flags, Grid, grid
from .csv_in import LONG_LINES, CsvFile
from .encoding import suggestion
from .rejects import Rejects
from .work import BadRow, Rejected, Work

CHUNK = 4 << 20
PIECE = 16 << 20
TEXT_LIMIT = 10_000
KINDS = {ENCODING: "encoding", QUOTE: "quote", SPACED: "space"}
OPEN = "has a quote that is not closed, or text after a closing quote."


@dataclass(frozen=True)
class Sifted:
    """`file` has no broken row; it is in pieces if there were any, or if the line ends were mixed.

    `rows`: how many it has.
    """

    file: CsvFile
    rows: int
    rejected: Rejected


def sift(work: Work, file: CsvFile, cut: int | None = None) -> Sifted:
    """Look at every row. Raises `Permanent` for the first that is broken, unless such rows are to be skipped.

    `cut`: write the file anew, in pieces of about so many bytes, even if nothing is wrong with it.
    """
    sieve = Sieve(work, file)
    if cut is None and sieve.run(None):
        return Sifted(file, sieve.rows, sieve.rejects.finish())
    sieve = Sieve(work.within(work.stage.rest()), file)
    pieces = Pieces(work.scratch("pieces"), cut or PIECE)
    sieve.run(pieces)
    if len(sieve.ends) > 1:
        work.context.log("The file mixes kinds of line ends; they were made one, outside of quotes.", "warning")
    return Sifted(file.in_pieces(pieces.finish(), sieve.longest), sieve.rows, sieve.rejects.finish())


@dataclass(frozen=True)
class Block:
    """Whole records of the file. `text` begins at byte `start` of it, in physical line `line`."""

    text: bytes
    start: int
    line: int
    grid: Grid


class Sieve:
    """One pass. `rows`: those that are not broken; `ends`: the kinds of line ends; `longest`: bytes of a record."""

    def __init__(self, work: Work, file: CsvFile) -> None:
        self._work, self._file = work, file
        self._path = file.dialect.path
        self._begun = False
        self.rejects = Rejects(work.data, work.scratch("rejected-csv.jsonl"))
        self.ends: set[str] = set()
        self.longest = 0
        self.rows = 0

    def run(self, pieces: Pieces | None) -> bool:
        """Look at the whole file, and write what is not broken to `pieces`.

        Without them, False at the first reason to write the file anew.
        """
        size = max(self._path.stat().st_size, 1)
        with self._path.open("rb") as reader:
            for block in self._blocks(reader):
                leave = self._first_rows(block)
                bad = np.flatnonzero(block.grid.faults).tolist()
                for row in self._bad_rows(block, bad):
                    self._judge(row)
                self.ends |= block.grid.ends
                self.rows += self._count(block.grid, leave | set(bad))
                self.longest = max(self.longest, int(np.max(block.grid.nexts - block.grid.begins)))
                if pieces is not None:
                    pieces.write(block, leave | set(bad))
                elif bad or len(self.ends) > 1:
                    return False
                self._work.stage.at((block.start + len(block.text)) / size, "Checking the rows…")
        return True

    def _count(self, cut: Grid, leave: set[int]) -> int:
        """DuckDB takes a blank line for a row only where that is one value."""
        rows = np.ones(len(cut.nexts), bool) if len(self._file.names) == 1 else cut.stops > cut.begins
        rows[list(leave)] = False
        return int(np.count_nonzero(rows))

    def _first_rows(self, block: Block) -> set[int]:
        """The rows of the block that are not data: blank lines before the first record, and the header."""
        if self._begun:
            return set()
        first = _first_record(block.grid)
        if first < 0:
            return set(range(len(block.grid.nexts)))
        self._begun = True
        if not self._file.dialect.header:
            return set(range(first))
        if block.grid.faults[first]:
            bad = next(self._bad_rows(block, [first]))
            raise Permanent(f"{bad.message} It is the header: correct it.")
        return set(range(first + 1))

    def _blocks(self, reader: IO[bytes]) -> Iterator[Block]:
        start = len(BOM_UTF8) if reader.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        reader.seek(start)
        columns, line, rest = len(self._file.names), 1, b""
        while True:
            # A long record is looked at each time it has doubled, not with each chunk anew.
            chunk = reader.read(max(CHUNK, len(rest)))
            text, last = rest + chunk, not chunk
            cut = grid(text, self._file.dialect, columns, last=last)
            block = Block(text[: cut.size], start, line, cut)
            if cut.size:
                yield block
            start, line, rest = start + cut.size, line + _breaks(block.text), text[cut.size :]
            if cut.open and (last or len(rest) > LONG_LINES):
                raise Permanent(f"Line {line:,} {OPEN} Close or double the quotes in that row.")
            if len(rest) > LONG_LINES:
                raise Permanent(f"Line {line:,} is longer than {LONG_LINES >> 20} MB, more than a row may be.")
            if last:
                return

    def _bad_rows(self, block: Block, rows: list[int]) -> Iterator[BadRow]:
        line, at = block.line, 0
        for row in rows:
            begin, stop = int(block.grid.begins[row]), int(block.grid.stops[row])
            line, at = line + _breaks(block.text[at:begin]), begin
            fault = int(block.grid.faults[row])
            values, columns = int(block.grid.values[row]), len(self._file.names)
            kind = KINDS.get(fault) or ("too few values" if values < columns else "too many values")
            text = block.text[begin : min(stop, begin + 4 * TEXT_LIMIT)].decode(errors="replace")[:TEXT_LIMIT]
            yield BadRow(line, block.start + begin, kind, text, _message(fault, line, values, columns))

    def _judge(self, bad: BadRow) -> None:
        if bad.kind == "encoding" and self._work.data.on_bad_row == "fail":
            raise Permanent(f"{bad.message} {suggestion(self._path, bad.byte)}")
        self.rejects.add(bad)


class Pieces:
    """Files in `folder` of about `size` bytes each, whole records with `\\n` at their ends and no header.

    DuckDB reads several files at once and holds one at a time for each thread, so this is what bounds its memory
    where rows are long; and where a record begins it need not guess.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._paths: list[Path] = []
        self._room = 0

    def write(self, block: Block, leave: set[int]) -> None:
        """Add the block's records but for those numbered in `leave`."""
        data, keep = _one_end(block)
        for row in leave:
            keep[block.grid.begins[row] : block.grid.nexts[row]] = False
        start = 0
        while start < len(data):
            last = int(np.searchsorted(block.grid.nexts, start + max(self._room, 1), "left"))
            end = int(block.grid.nexts[min(last, len(block.grid.nexts) - 1)])
            self._append(data[start:end][keep[start:end]].tobytes())
            start = end

    def finish(self) -> tuple[Path, ...]:
        if not self._paths:
            self._begin()
        return tuple(self._paths)

    def _append(self, text: bytes) -> None:
        if self._room <= 0 or not self._paths:
            self._begin()
        # Opened for each block: a run may end at any place, and nobody would close it.
        with self._paths[-1].open("ab") as file:
            file.write(text)
        self._room -= len(text)

    def _begin(self) -> None:
        self._paths.append(self._folder / f"{len(self._paths):06}.csv")
        self._paths[-1].touch()
        self._room = self._size


def _first_record(cut: Grid) -> int:
    """The first that is not a blank line; -1 if all are."""
    found = np.flatnonzero(cut.stops > cut.begins)
    return int(found[0]) if len(found) else -1


def _one_end(block: Block) -> tuple[Bytes, Flags]:
    """The text with `\\n` as its only line end, and which of its bytes to keep."""
    data = np.frombuffer(block.text, np.uint8)
    keep = np.ones(len(data), bool)
    if block.grid.ends - {"\n"}:
        data = data.copy()
        ended = block.grid.stops[block.grid.nexts > block.grid.stops]
        data[ended[data[ended] == CR]] = LF
        keep[block.grid.stops[block.grid.nexts - block.grid.stops == 2] + 1] = False
    return data, keep


def _breaks(text: bytes) -> int:
    """Physical lines that end in a text which does not end between `\\r` and `\\n`."""
    returns = text.count(b"\r")
    return text.count(b"\n") + returns - (text.count(b"\r\n") if returns else 0)


def _message(fault: int, line: int, values: int, columns: int) -> str:
    if fault == QUOTE:
        return f"Line {line:,} {OPEN}"
    if fault == ENCODING:
        return f"Line {line:,} is not UTF-8."
    if fault == SPACED:
        return f"Line {line:,} has a space beside a quoted value: it would be lost."
    return f"Line {line:,} has {values} values where {columns} are expected."
