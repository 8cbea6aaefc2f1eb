"""A text file that DuckDB writes in one statement, gone on with after a crash.

The file grows in the order of the rows, so what is on disk of it at any moment is a beginning of the whole. How many
rows that is can be counted in the file itself; the statement then runs for the others. So nothing is done twice, and
without a crash nothing is done at all, but to have the file put on disk now and then while it is being written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .model import ConversionInput
from .table import Table
from .targets import copy
from .work import Work

CHUNK = 1 << 20
QUOTE, LF = 34, 10


@dataclass(frozen=True)
class Lines:
    """`count` marks were found; the first ends at byte `first`, the last at byte `last` (0: none)."""

    count: int
    first: int
    last: int


def copy_growing(work: Work, rows_from: Callable[[int], Table], message: str) -> int:
    """Write a table to the target, uncompressed text; returns how many rows it has.

    `rows_from(n)`: the table without its first n rows, in the same order. It must be cheap to leave them out.
    """
    found, path = work.kept.found, work.kept.part("rows", go_on=True)
    count = _go_on(work, path, rows_from, message) if found else 0
    if not count:

        def save() -> None:
            if work.kept.due:
                work.kept.save(work.stage.meter.done, {"rows": (path, path.stat().st_size)}, {"grown": True})

        statement = copy(rows_from(0), path, work.data)
        count = work.duck.run(statement, work.stage.rest(), message, save)[0][0]
    path.replace(work.target)
    return count


def _go_on(work: Work, path: Path, rows_from: Callable[[int], Table], message: str) -> int:
    """Write what is missing in the file at `path`. 0: it has no whole row yet. Saves nothing, as the old half stays."""
    lines = whole_lines(path, work.data)
    head = 1 if work.data.target_format in ("csv", "tsv") and work.data.header else 0
    done = lines.count - head
    if done <= 0:
        return 0
    work.context.log(f"{done:,} rows were there already.")
    rest = work.scratch("rest.txt")
    count = int(work.duck.run(copy(rows_from(done), rest, work.data), work.stage.rest(), message)[0][0])
    with path.open("r+b") as file, rest.open("rb") as more:
        file.truncate(lines.last)
        file.seek(lines.last)
        more.seek(len(b"[\n") if work.data.target_format == "json" else lines.first if head else 0)
        shutil.copyfileobj(more, file, CHUNK)
    return done + count


def whole_lines(path: Path, data: ConversionInput) -> Lines:
    """The lines of a beginning of what `copy` writes: rows, and the header. Of an array only those before others."""
    with path.open("rb") as file:
        if data.target_format in ("csv", "tsv"):
            return _count(_outside_of_quotes(file))
        return _count(_marks(file, b",\n" if data.target_format == "json" else b"\n"))


def _count(found: Iterator[tuple[int, int, int]]) -> Lines:
    count = first = last = 0
    for more, begin, end in found:
        count, first, last = count + more, first or begin, end
    return Lines(count, first, last)


def _marks(file: BinaryIO, mark: bytes) -> Iterator[tuple[int, int, int]]:
    """For each chunk that has some: how many, and the bytes at which the first and the last of them end."""
    text, at = b"", 0
    while chunk := file.read(CHUNK):
        text += chunk
        if count := text.count(mark):
            yield count, at + text.find(mark) + len(mark), at + text.rfind(mark) + len(mark)
        kept = text[-1:] if len(mark) > 1 and text.endswith(mark[:-1]) else b""
        at, text = at + len(text) - len(kept), kept


def _outside_of_quotes(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """The same for line ends. A quote within quotes is doubled, so that after both it is as it was before."""
    inside, at = 0, 0
    while chunk := file.read(CHUNK):
        data = np.frombuffer(chunk, np.uint8)
        # Eight bits are enough to tell odd from even.
        quotes = np.cumsum(data == QUOTE, dtype=np.uint8) + np.uint8(inside)
        ends = np.flatnonzero((data == LF) & (quotes % 2 == 0)) + 1
        if len(ends):
            yield len(ends), at + int(ends[0]), at + int(ends[-1])
        inside, at = int(quotes[-1]) % 2, at + len(chunk)
