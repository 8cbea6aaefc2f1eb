"""The items of a file, one after the other, with the place where each ends: CSV, JSON Lines, or an earlier report."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import msgspec

from jobsapp.processors.sdk import Context, Permanent

from .choices import Format
from .model import BulkInput

LONGEST_ROW = 32 << 20
BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"
LOOK_EVERY = 20_000


class Broken(Exception):
    """An item that cannot be used: `code` for machines, the text for people."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.code, self.column = code, column


@dataclass(slots=True)
class Item:
    """One item of a file.

    `number` counts items from 1 and `line` lines, both in the first file: an item of a report keeps what it had there.
    `position`, `lines`: bytes and lines of this file up to the item's end. `cells`: values as text, None for JSON null.
    `row`: the JSON text of the whole row. `plain`: it came from CSV, which has no null. `key`: the idempotency key of
    an earlier call whose outcome is unknown.
    """

    number: int
    line: int
    position: int
    lines: int
    cells: dict[str, str | None]
    row: bytes | None = None
    plain: bool = False
    broken: Broken | None = None
    key: str | None = None

    def as_json(self) -> bytes:
        """The row as one JSON object."""
        return self.row if self.row is not None else msgspec.json.encode(self.cells)


class Failed(msgspec.Struct, omit_defaults=True):
    """One line of a report. `row` is what was read, so that it can be tried again; `csv`: from a CSV file."""

    item: int
    line: int
    code: str
    message: str
    column: str | None = None
    key: str | None = None
    csv: bool = False
    row: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True)
class Place:
    """Where to go on: so many bytes, lines and items of the file are done."""

    position: int = 0
    lines: int = 0
    items: int = 0


class Rows:
    """The items of a file. `names`: of the columns of a CSV file, else empty."""

    def __init__(self, path: Path, data: BulkInput) -> None:
        self._path, self._encoding = path, data.encoding
        self.format: Format = data.source_format or _guess(path)
        self._delimiter = data.delimiter or _delimiter(path, data.encoding)
        self._delimiter = "\t" if self._delimiter in ("tab", "\\t") else self._delimiter
        self.names: list[str] = []
        self._start = Place(len(BOM) if _head(path).startswith(BOM) else 0)
        if self.format == "csv":
            self._read_header()

    def count(self, context: Context) -> int:
        """How many items there are."""
        found, quoted = 0, False
        with self._path.open("rb") as file:
            file.seek(self._start.position)
            for number, line in enumerate(_lines(file)):
                if number % LOOK_EVERY == 0:
                    context.check_cancelled()
                if self.format == "csv":
                    quoted ^= bool(line.count(b'"') & 1)
                found += bool(not quoted and (line.strip() or (self.format == "csv" and line.strip(b"\r\n"))))
        return found

    def read(self, after: Place | None = None) -> Iterator[Item]:
        """The items after that place, or all."""
        start = after if after and after.position else self._start
        with self._path.open("rb") as file:
            file.seek(start.position)
            match self.format:
                case "csv":
                    yield from self._csv(file, start)
                case "jsonl":
                    yield from self._jsonl(file, start)
                case "report":
                    yield from self._report(file, start)

    def _csv(self, file: BufferedReader, start: Place) -> Iterator[Item]:
        counted = _Counted(file, start, self._encoding)
        number, line = start.items, start.lines + 1
        reader = csv.reader(counted, delimiter=self._delimiter, strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise Permanent(f"Line {line:,} is not CSV: {error}. Correct the file.") from None
            if row:
                number += 1
                item = Item(number, line, counted.position, counted.lines, {}, plain=True)
                self._fill(item, row)
                yield item
            line = counted.lines + 1

    def _fill(self, item: Item, row: list[str]) -> None:
        if len(row) == len(self.names):
            item.cells = dict(zip(self.names, row, strict=True))
        else:
            item.row = msgspec.json.encode(row)
            item.broken = Broken("bad_row", f"{len(row)} values, but the first line has {len(self.names)} names.")

    def _jsonl(self, file: BufferedReader, start: Place) -> Iterator[Item]:
        position, lines, number = start.position, start.lines, start.items
        for raw in _lines(file):
            position, lines = position + len(raw), lines + 1
            if raw.strip():
                number += 1
                item = Item(number, lines, position, lines, {})
                _take(item, raw.strip())
                yield item

    def _report(self, file: BufferedReader, start: Place) -> Iterator[Item]:
        position, lines = start.position, start.lines
        for raw in _lines(file):
            position, lines = position + len(raw), lines + 1
            if not raw.strip():
                continue
            try:
                failed = msgspec.json.decode(raw, type=Failed)
            except msgspec.DecodeError as error:
                raise Permanent(f"Line {lines:,} is not of a report: {error}.") from None
            item = Item(failed.item, failed.line, position, lines, {}, plain=failed.csv, key=failed.key)
            _take(item, bytes(failed.row))
            if item.broken:
                # It goes into the next report as it is in this one.
                item.row = bytes(failed.row)
            yield item

    def _read_header(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._start.position)
            counted = _Counted(file, self._start, self._encoding)
            try:
                self.names = next(csv.reader(counted, delimiter=self._delimiter, strict=True), [])
            except csv.Error as error:
                raise Permanent(f"Line 1 is not CSV: {error}. Correct the file.") from None
            self._start = Place(counted.position, counted.lines)
        self.names = [name.strip() for name in self.names]
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if not any(self.names) or "" in self.names or twice:
            what = f"{twice[0]!r} twice" if twice else "a column without a name" if any(self.names) else "no names"
            raise Permanent(f"The first line of the file has {what}. It must name each column, and each once.")


class _Counted:
    """Lines as text, and how many bytes and lines they were."""

    def __init__(self, file: BufferedReader, start: Place, encoding: str) -> None:
        self._lines = _lines(file)
        self._encoding = encoding
        self.position, self.lines = start.position, start.lines

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        raw = next(self._lines)
        self.position, self.lines = self.position + len(raw), self.lines + 1
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise Permanent(
                f"Line {self.lines:,}, byte {error.start + 1} is not {self._encoding}. Choose another encoding."
            ) from None


def _take(item: Item, raw: bytes) -> None:
    """The values of a JSON object, each as it is written there."""
    try:
        raw.decode()
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        item.cells = {name: _text(value) for name, value in found.items()}
        item.row = raw
    except UnicodeDecodeError:
        item.broken = Broken("bad_text", "The line is not UTF-8.")
        item.row = b"null"
    except msgspec.DecodeError as error:
        item.broken = Broken("bad_json", f"The line is not a JSON object: {error}.")
        item.row = msgspec.json.encode(raw.decode())


def _text(value: msgspec.Raw) -> str | None:
    raw = bytes(value)
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return None if raw == b"null" else raw.decode()


def _lines(file: BufferedReader) -> Iterator[bytes]:
    while line := file.readline(LONGEST_ROW):
        if len(line) == LONGEST_ROW:
            raise Permanent(f"A line is longer than {LONGEST_ROW >> 20} MiB. Is this CSV or JSON Lines?")
        yield line


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(1 << 20)


def _guess(path: Path) -> Format:
    head = _head(path).removeprefix(BOM).strip()
    if not head:
        raise Permanent("The file is empty, or its first line is.")
    if not head.startswith(b"{"):
        return "csv"
    try:
        msgspec.json.decode(head, type=Failed)
    except msgspec.DecodeError:
        return "jsonl"
    return "report"


def _delimiter(path: Path, encoding: str) -> str:
    """The one that is in the first line most often."""
    line = _head(path).decode(encoding, errors="replace")
    return max(DELIMITERS, key=line.count)
