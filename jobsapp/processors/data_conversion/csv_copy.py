"""A CSV file through DuckDB: one strict, all-text COPY; where that gives up, the file is cut and read again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jobsapp.processors.sdk import Permanent

from .csv_grid import grid
from .csv_in import CsvFile
from .csv_sieve import PIECE, Sifted, sift
from .csv_suspects import Suspects
from .table import Table
from .targets import FEW_ROWS, copy, group_rows
from .work import Outcome, Work

SMALL_PIECE = 4 << 20
HEAD = 1 << 20
# What DuckDB says of a row that is broken, or that its parallel reader has only imagined.
MISREAD = ("CSV Error on Line", "invalid state", "Parallel CSV Reader", "Maximum line size")

LOST = "CSV Error on Line: a row is missing"

Typed = Callable[[Work, Table], tuple[Table, Work]]


def copy_csv(work: Work, file: CsvFile, typed: Typed, message: str, expected: int | None = None) -> Outcome:
    """Write the rows of `file` to the target. Raises `Permanent` for what cannot be read, with its line.

    `typed` gives the columns their final form, and the work that is left. `expected`: the rows of a file that is
    our own.
    """
    rejected = None
    if work.data.on_bad_row == "skip" and expected is None:
        first, second = work.stage.split(1, 2)
        sifted = sift(work.within(first), file)
        file, expected, rejected, work = sifted.file, sifted.rows, sifted.rejected, work.within(second)
    few = False
    while True:
        try:
            outcome = _copy(work, file, typed, message, few=few, known=expected is not None)
            if expected not in (None, outcome.rows):
                raise _Lost(LOST)
            return replace(outcome, rejected=rejected)
        except (work.duck.error, _Lost) as error:
            reason = str(error)
            if reason.startswith("IO Error"):
                raise  # The disk, not the file: another attempt may do.
        work = work.within(work.stage.rest())
        sifted, few = _mend(work, file, reason, few=few)
        file, expected, work = sifted.file, sifted.rows, work.within(work.stage.rest())


class _Lost(Exception):
    """DuckDB left rows out without a word: a line longer than its buffers, a last record with an open quote."""


def _copy(work: Work, file: CsvFile, typed: Typed, message: str, *, few: bool, known: bool) -> Outcome:
    rows = FEW_ROWS if few else group_rows(_row_size(file))
    table, work = typed(work, file.table())
    statement = copy(table, work.target, work.data, rows)
    if known:
        return Outcome(work.duck.run(statement, work.stage, message)[0][0], table.columns)
    with Suspects(file.dialect) as suspects:
        count = work.duck.run(statement, work.stage, message)[0][0]
        found = suspects.found(work.stage.rest())
    if found and sift(work.within(work.stage.rest()), file).rows != count:
        raise _Lost(LOST)
    return Outcome(count, table.columns)


def _mend(work: Work, file: CsvFile, reason: str, *, few: bool) -> tuple[Sifted, bool]:
    """The file in pieces, smaller ones if memory was short. Raises `Permanent` if a row is broken or all was tried."""
    first, _ = work.stage.split(1, 2)
    if "Out of Memory" in reason:
        if few:
            raise Permanent("The rows are too large to convert in the memory that a job may use.")
        return sift(work.within(first), file, SMALL_PIECE), True
    if any(text in reason for text in MISREAD) and not file.dialect.pieces:
        return sift(work.within(first), file, PIECE), few
    raise Permanent(f"The file cannot be read: {reason.splitlines()[0]}")


def _row_size(file: CsvFile) -> float:
    """Bytes of a row, by the first ones."""
    with file.dialect.path.open("rb") as reader:
        head = reader.read(HEAD)
    cut = grid(head, file.dialect, len(file.names), last=False)
    return cut.size / len(cut.nexts) if cut.size else HEAD
