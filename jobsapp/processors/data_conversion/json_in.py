"""JSON arrays and JSON Lines as batches of raw values, in bounded memory, every byte checked and none changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from jobsapp.processors.sdk import Permanent

from .model import Format
from .work import BadRow

BATCH = 1 << 20
LARGEST = 64 << 20
TEXT_LIMIT = 10_000

check: Callable[[bytes], msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw).decode
_check_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines
_scan = json.JSONDecoder().raw_decode
_SPACE = re.compile(rb"[ \t\r\n]*")
_AFTER = re.compile(rb"[ \t\r\n]*([,\]])[ \t\r\n]*")
_CUT = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*(?=\{)")


@dataclass(frozen=True)
class Batch:
    """Values without line breaks. `places`: the line or item number of each. `done`: bytes of the file read."""

    values: list[bytes]
    places: Sequence[int]
    done: int


Position = list[int]
"""Where a batch ends. Lines: bytes before it, number of the line after it. Items: bytes that were read, how many of
these belong to the items after it, the number of items before it."""


class Reader:
    """Reads the values of the file at `path`. A broken value goes to `reject`, which may raise.

    `position`: where the batch that was given last ends; empty before the first, and after the end of an array.
    """

    def __init__(self, path: Path, format: Format, reject: Callable[[BadRow], None]) -> None:
        self._path, self._format, self._reject = path, format, reject
        self.unit = "Line" if format == "jsonl" else "Item"
        self.position: Position = []

    def batches(self, start: Position | None = None) -> Iterator[Batch]:
        """UTF-8 for certain, JSON only after `checked`. Raises `Permanent` if the file is not what its format says.

        `start`: a `position`; then the batches after it come, just as if all had been read.
        """
        with self._path.open("rb", 1 << 18) as file:
            yield from self._lines(file, start) if self._format == "jsonl" else self._items(file, start)

    def checked(self, batch: Batch) -> Batch:
        """The batch without what is not JSON; that is rejected."""
        if _valid(batch.values):
            return batch
        good = []
        for place, value in zip(batch.places, batch.values, strict=True):
            if why := _fault(value):
                self._reject(self.bad(place, batch.done, why[0], why[1], value))
            else:
                good.append((place, value))
        return Batch([value for _, value in good], [place for place, _ in good], batch.done)

    def bad(self, place: int, byte: int, kind: str, why: str, text: bytes) -> BadRow:
        message = f"{self.unit} {place:,} {why}."
        return BadRow(place, byte, kind, text[:TEXT_LIMIT].decode("utf-8", "replace"), message)

    def reject(self, bad: BadRow) -> None:
        self._reject(bad)

    def _lines(self, file: BinaryIO, start: Position | None) -> Iterator[Batch]:
        offset, number = start or (0, 1)
        file.seek(offset)
        while lines := _some_lines(file, number):
            size = sum(map(len, lines))
            if offset == 0:
                lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            values = [line.strip(b" \t\r\n") for line in lines]
            places: Sequence[int] = range(number, number + len(values))
            if not all(values) or not _is_text(b"".join(lines)):
                values, places = self._sieve(values, number, offset)
            number, offset = number + len(lines), offset + size
            self.position = [offset, number]
            yield Batch(values, places, offset)

    def _sieve(self, values: Sequence[bytes], number: int, offset: int) -> tuple[list[bytes], list[int]]:
        """Those that are text and not blank; blank lines are left out in silence."""
        good: list[bytes] = []
        places: list[int] = []
        for place, value in enumerate(values, number):
            if not _is_text(value):
                self._reject(self.bad(place, offset, "encoding", "is not UTF-8", value))
            elif value:
                good.append(value)
                places.append(place)
        return good, places

    def _items(self, file: BinaryIO, start: Position | None) -> Iterator[Batch]:
        array = _Array(file, start)
        number = start[2] + 1 if start else 1
        for values in array.items():
            if not _is_text(b"".join(values)):
                place = next(n for n, value in enumerate(values, number) if not _is_text(value))
                raise Permanent(f"Item {place:,} is not UTF-8. Correct the file.")
            self.position = array.position
            yield Batch([_one_line(v) for v in values], range(number, number + len(values)), array.done)
            number += len(values)


def _some_lines(file: BinaryIO, number: int) -> list[bytes]:
    """About a batch of whole lines; `number` is that of the first. A line too long is refused before it is read."""
    block = file.read(BATCH)
    if not block.endswith(b"\n"):
        block += file.readline(LARGEST + 1)
        if len(block) > LARGEST and len(block) - block.rfind(b"\n", 0, -1) - 1 > LARGEST:
            bad = number + block.count(b"\n", 0, -1)
            raise Permanent(f"Line {bad:,} is longer than {LARGEST >> 20} MB.")
    return block.splitlines(keepends=True) if b"\r" not in block else _split(block)


def _split(block: bytes) -> list[bytes]:
    """`splitlines` would also cut at a lone carriage return."""
    lines = [line + b"\n" for line in block.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _valid(values: Sequence[bytes]) -> bool:
    """Is each a JSON value in UTF-8? Checked all at once."""
    data = b"\n".join(values)
    try:
        found = _check_lines(data)
    except msgspec.DecodeError:
        return False
    # A value may go over lines, and two may share one: then the pieces differ.
    return len(found) == len(values) and b"\n".join(found) == data


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fault(value: bytes) -> tuple[str, str] | None:
    """What is wrong with a value, as a kind and as the end of a sentence."""
    try:
        check(value)
    except msgspec.DecodeError as error:
        if "truncated" in str(error) and rb"\ud" in value.lower():
            return "encoding", r"is cut short, or holds half of a surrogate pair (such as \ud800), which is no text"
        why = str(error).removeprefix("JSON is malformed: ")
        return "json", f"is not valid JSON: {why[:1].lower()}{why[1:]}"
    return None


def _one_line(value: bytes) -> bytes:
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


class _Array:
    """Cuts a JSON array into the exact bytes of its items.

    An object's text has no proper prefix that is an object too, so the first `}` before `,{` at which the text
    so far is valid is its end. Other items, and objects in which that takes many tries, go to Python's scanner,
    with the bytes as Latin-1: that keeps positions, because JSON's structure is ASCII.
    """

    TRIES = 16

    def __init__(self, file: BinaryIO, start: Position | None) -> None:
        self._read = file.read
        self._buffer = b""
        self._text: str | None = None
        self._at = self._count = self.done = 0
        self._begun = start is not None
        self._ended = self._closed = False
        if start:
            self.done, held, self._count = start
            file.seek(self.done - held)
            self._buffer = self._read(held)

    @property
    def position(self) -> Position:
        return [] if self._closed else [self.done, len(self._buffer) - self._at, self._count]

    def items(self) -> Iterator[list[bytes]]:
        """Lists of items, none of it empty but perhaps the last."""
        if not self._begun and not self._open():
            return
        while not self._closed:
            if self._begun:
                self._more()
            self._begun = True
            values, self._closed = self._cut()
            self._count += len(values)
            yield values

    def _open(self) -> bool:
        """Read the opening bracket. False if the closing one follows."""
        self._more()
        self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")
        self._space()
        if self._buffer[self._at : self._at + 1] != b"[":
            raise Permanent(
                "The document is not an array. A table in JSON is an array of objects, [{…}, {…}]; "
                "if each line is an object of its own, choose JSON Lines."
            )
        self._at += 1
        self._space()
        if self._buffer[self._at : self._at + 1] == b"]":
            self._finish(self._at + 1)
            return False
        return True

    def _cut(self) -> tuple[list[bytes], bool]:
        """All whole items of the buffer, and whether the array closed."""
        values: list[bytes] = []
        while (end := self._end()) is not None:
            after = _AFTER.match(self._buffer, end)
            if after is None or (after[1] == b"," and after.end() == len(self._buffer) and not self._ended):
                if after is None and end < len(self._buffer) and self._buffer[end:].strip():
                    raise self._broken(len(values))
                break
            values.append(self._buffer[self._at : end])
            self._at = after.end()
            if after[1] == b"]":
                self._finish(self._at)
                return values, True
        if self._ended:
            raise self._broken(len(values))
        return values, False

    def _end(self) -> int | None:
        """Where the item at the present position ends; None if it is not all in the buffer."""
        start = self._at
        if self._buffer[start : start + 1] == b"{":
            at = start
            for _ in range(self.TRIES):
                cut = _CUT.search(self._buffer, at)
                if cut is None:
                    break
                try:
                    check(self._buffer[start : cut.start() + 1])
                except msgspec.DecodeError:
                    at = cut.end()
                    continue
                return cut.start() + 1
            if cut is None and not self._ended:
                return None
        if self._text is None:
            self._text = self._buffer.decode("latin-1")
        try:
            return int(_scan(self._text, start)[1])
        except (ValueError, RecursionError):
            return None

    def _more(self) -> None:
        if self._ended:
            raise self._broken(0)
        rest = self._buffer[self._at :]
        if len(rest) > LARGEST:
            raise Permanent(
                f"Item {self._count + 1:,} (byte {self.done - len(rest):,}) is not valid JSON, "
                f"or longer than {LARGEST >> 20} MB."
            )
        chunk = self._read(max(2 * BATCH, len(rest)))
        self._ended = not chunk
        self.done += len(chunk)
        self._buffer, self._at, self._text = rest + chunk, 0, None

    def _space(self) -> None:
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer) or self._ended:
                return
            self._more()

    def _finish(self, end: int) -> None:
        if self._buffer[end:].strip() or self._read(1 << 16).strip():
            raise Permanent("There is more text after the end of the array.")

    def _broken(self, found: int) -> Permanent:
        item, byte = self._count + found + 1, self.done - len(self._buffer) + self._at
        fault = _fault(self._buffer[self._at : self._at + LARGEST].strip())
        why = fault[1] if fault else "is not followed by a comma or the closing bracket"
        return Permanent(f"Item {item:,} (byte {byte:,}) {why}. Correct the file.")
