"""XLSX: each sheet as a heading and its tables; an empty row ends a table."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, table
from .office import check_package

ROWS = 200


def read_xlsx(path: Path, wanted: Wanted, facts: Facts) -> Iterator[Piece]:
    """A piece for every 200 rows. Raises `Unreadable`."""
    check_package(path, streamed="xl/worksheets/")
    # Given a path, openpyxl would refuse what is not named *.xlsx.
    with path.open("rb") as file:
        yield from _book(_open(file), wanted, facts)


def _book(book: Any, wanted: Wanted, facts: Facts) -> Iterator[Piece]:
    try:
        sheets = book.worksheets
        total = facts.pages = len(sheets)
        last = min(total, wanted.max_pages or total)
        if last < total:
            facts.notes.append(f"Sheets {last + 1:,} to {total:,} were left out.")
        for number, sheet in enumerate(sheets[:last], 1):
            yield Piece([heading(sheet.title, 2, number)], (number - 1) / last, f"sheet {sheet.title}")
            try:
                for blocks, rows in _sheet(sheet, number):
                    yield Piece(blocks, (number - 1) / last, f"sheet {sheet.title}, row {rows:,}")
            except (ValueError, KeyError, SyntaxError, OSError) as error:
                raise Unreadable("broken", f"Sheet {sheet.title!r} is damaged: {one_line(str(error))[:200]}") from None
    finally:
        book.close()


def _open(file: BinaryIO) -> Any:
    import openpyxl  # type: ignore[import-untyped]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(file, read_only=True, data_only=True)
    # What it raises for a damaged file is of many kinds, some of libraries below.
    except Exception as error:
        raise Unreadable("broken", f"The XLSX is damaged: {one_line(str(error))[:200]}") from None


class _Table:
    """The table that is being read: its columns and its header, once the first rows of it are out."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._rows: list[list[str]] = []
        self._header, self._width = "", 0

    def add(self, row: list[str]) -> None:
        self._rows.append(row)

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= ROWS

    def take(self) -> list[Block]:
        """What came since the last time."""
        width = max(self._width, max((len(row) for row in self._rows), default=0))
        made = table(self._rows, self._page, header=self._header, width=width or None)
        self._rows = []
        if made is None:
            return []
        self._header, self._width = made.header, width
        return [made]


def _sheet(sheet: Any, page: int) -> Iterator[tuple[list[Block], int]]:
    # What the file says of its size may be wrong.
    sheet.reset_dimensions()
    current, count = _Table(page), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for count, row in enumerate(sheet.iter_rows(values_only=True), 1):
            cells = _cells(row)
            if cells:
                current.add(cells)
            if not cells or current.is_full:
                yield current.take(), count
            if not cells:
                current = _Table(page)
    yield current.take(), count


def _cells(row: Sequence[Any]) -> list[str]:
    """The texts of a row without empty ones at its end; none for an empty row."""
    cells = [_cell(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    return str(value).strip()
