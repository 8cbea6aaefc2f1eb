"""JSON arrays and JSON Lines as batches of raw values, in bounded memory, every byte checked and none changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from jobsapp.processors.sdk import Permanent

from . import json_array
from .json_array import Array, Position, fault
from .model import Format
from .work import BadRow

TEXT_LIMIT = 10_000

_check_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines


@dataclass(frozen=True)
class Batch:
    """Values without line breaks. `places`: the line or item number of each. `done`: bytes of the file read."""

    values: list[bytes]
    places: Sequence[int]
    done: int


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
            if why := fault(value):
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
        array = Array(file, start)
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
    block = file.read(json_array.BATCH)
    if not block.endswith(b"\n"):
        block += file.readline(json_array.LARGEST + 1)
        if len(block) > json_array.LARGEST and len(block) - block.rfind(b"\n", 0, -1) - 1 > json_array.LARGEST:
            bad = number + block.count(b"\n", 0, -1)
            raise Permanent(f"Line {bad:,} is longer than {json_array.LARGEST >> 20} MB.")
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


def _one_line(value: bytes) -> bytes:
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value
