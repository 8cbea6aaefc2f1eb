"""Rows with one value too many of which the last is empty (`1,2,` for two columns): DuckDB takes them in silence."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

import csv
import ctypes
import threading
from typing import Any

from jobsapp.processors.sdk import Permanent

from .csv_in import HEADER_LIMIT, CsvFile, Dialect
from .progress import Stage
from .work import Work

CHUNK = 4 << 20


class EndsScan(threading.Thread):
    """Looks, beside the conversion, for a delimiter at a line's end anywhere in the file. Use it in a `with` block."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(name="ends of rows", daemon=True)
        self._dialect = dialect
        self._stop_asked = threading.Event()
        self._found = False
        self._error: OSError | None = None

    def __enter__(self) -> EndsScan:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        try:
            self._found = self._search()
        except OSError as error:
            self._error = error

    def found(self, stage: Stage) -> bool:
        """Wait for the answer; `stage` lets the wait be cancelled. Raises OSError."""
        while self.is_alive():
            self.join(0.05)
            stage.at(0.0)
        if self._error is not None:
            raise self._error
        return self._found

    def _search(self) -> bool:
        delimiter = self._dialect.delimiter.encode()
        marks = [delimiter + end for end in _line_ends(self._dialect)]
        keep = len(delimiter)
        buffer = bytearray(CHUNK + keep)
        start = 0
        with self._dialect.path.open("rb", buffering=0) as reader:
            while size := reader.readinto(memoryview(buffer)[start:]):
                if self._stop_asked.is_set():
                    return False
                end = start + size
                if any(_contains(buffer, end, mark) for mark in marks):
                    return True
                start = min(keep, end)
                buffer[:start] = buffer[end - start : end]
        return bytes(buffer[:start]).endswith(delimiter)


def refuse_ragged(work: Work, file: CsvFile, scan: EndsScan) -> None:
    """Raise `Permanent` for the first such row. Only a file with a delimiter at a line's end is read again."""
    if not scan.found(work.stage.rest()):
        return
    columns = len(file.names) + 1
    # Read as if each row had one value more, the rows that are not refused are those looked for.
    sql = file.dialect.read(columns, ignore=True)
    found = work.duck.run(f"SELECT count(*) FROM {sql}", work.stage.rest(), "Checking the ends of rows…")[0][0]
    if found and (line := _line(file, columns)):
        raise Permanent(
            f"Line {line:,} has {columns} values where {columns - 1} are expected; the last is empty. "
            "Correct the row: such rows cannot be skipped."
        )


def _memmem() -> Any:
    """The C library's search: faster than Python's for two bytes, and it does not hold the interpreter."""
    try:
        search = ctypes.CDLL(None).memmem
    except (AttributeError, OSError, TypeError):
        return None
    search.restype = ctypes.c_void_p
    search.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return search


MEMMEM = _memmem()


def _contains(buffer: bytearray, size: int, mark: bytes) -> bool:
    if MEMMEM is None:
        return buffer.find(mark, 0, size) >= 0
    start = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    return MEMMEM(start, size, mark, len(mark)) is not None


def _line_ends(dialect: Dialect) -> list[bytes]:
    """DuckDB refuses files that mix them; looking for one only is cheaper."""
    with dialect.path.open("rb") as reader:
        head = reader.read(1 << 16)
    return [b"\n"] if b"\r" not in head else [b"\r", b"\n"]


def _line(file: CsvFile, columns: int) -> int | None:
    csv.field_size_limit(4 * HEADER_LIMIT)
    dialect = file.dialect
    with dialect.path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote)
        before = 0
        for row in reader:
            if len(row) == columns and not row[-1]:
                return before + 1
            before = reader.line_num
    return None
