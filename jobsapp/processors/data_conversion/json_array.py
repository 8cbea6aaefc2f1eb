"""A JSON array as the exact bytes of its items, in bounded memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from jobsapp.processors.sdk import Permanent

BATCH = 1 << 20
LARGEST = 64 << 20

check: Callable[[bytes], msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw).decode
_scan = json.JSONDecoder().raw_decode
_SPACE = re.compile(rb"[ \t\r\n]*")
_AFTER = re.compile(rb"[ \t\r\n]*([,\]])[ \t\r\n]*")
_CUT = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*(?=\{)")

Position = list[int]
"""Where a batch ends. Lines: bytes before it, number of the line after it. Items: bytes that were read, how many of
these belong to the items after it, the number of items before it."""


class Array:
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
        wrong = fault(self._buffer[self._at : self._at + LARGEST].strip())
        why = wrong[1] if wrong else "is not followed by a comma or the closing bracket"
        return Permanent(f"Item {item:,} (byte {byte:,}) {why}. Correct the file.")


def fault(value: bytes) -> tuple[str, str] | None:
    """What is wrong with a value, as a kind and as the end of a sentence."""
    try:
        check(value)
    except msgspec.DecodeError as error:
        if "truncated" in str(error) and rb"\ud" in value.lower():
            return "encoding", r"is cut short, or holds half of a surrogate pair (such as \ud800), which is no text"
        why = str(error).removeprefix("JSON is malformed: ")
        return "json", f"is not valid JSON: {why[:1].lower()}{why[1:]}"
    return None
