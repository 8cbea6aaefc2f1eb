"""Plain text and Markdown: paragraphs between blank lines; headings, tables and code of Markdown."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from .blocks import LONGEST_HEADING, Block, Facts, Piece, Unreadable, Wanted, heading, tidy

CHUNK = 1 << 16
# A paragraph without an end is cut, so that memory stays bounded.
LONGEST_PARAGRAPH = 1 << 16
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")


def read_text(path: Path, wanted: Wanted, _facts: Facts) -> Iterator[Piece]:
    """A piece for every 64 KiB or so. Raises `Unreadable`, kind encoding, naming the byte."""
    paragraph = _Paragraph()
    for lines, done in _lines(path, wanted.encoding):
        yield Piece([block for line in lines for block in paragraph.add(line)], done, "reading")
    yield Piece(paragraph.end(), 1.0, "reading")


def read_markdown(path: Path, wanted: Wanted, _facts: Facts) -> Iterator[Piece]:
    """A piece for every 64 KiB or so. Raises `Unreadable`, kind encoding, naming the byte."""
    paragraph = _Paragraph(is_markdown=True)
    for lines, done in _lines(path, wanted.encoding):
        yield Piece([block for line in lines for block in paragraph.add(line)], done, "reading")
    yield Piece(paragraph.end(), 1.0, "reading")


def decode(data: bytes, encoding: str) -> str:
    """Bytes as text; `encoding` "auto" knows UTF-8 and byte-order marks. Raises `Unreadable`, kind encoding."""
    try:
        return data.decode(_known(data, encoding))
    except UnicodeError as error:
        raise _wrong(encoding, getattr(error, "start", 0)) from None


def _known(head: bytes, encoding: str) -> str:
    if encoding != "auto":
        return encoding
    return next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")


def _wrong(encoding: str, byte: int) -> Unreadable:
    name = "UTF-8" if encoding == "auto" else encoding
    return Unreadable(
        "encoding",
        f"The text is not {name} at byte {byte:,}; set the encoding it was written in, for example windows-1252.",
    )


def _lines(path: Path, encoding: str) -> Iterator[tuple[list[str], float]]:
    """Whole lines without their ends, and the share of the file that was read."""
    size = max(path.stat().st_size, 1)
    rest = ""
    with path.open("rb") as file:
        decoder = codecs.getincrementaldecoder(_known(file.read(4), encoding))()
        done = file.seek(0)
        while chunk := file.read(CHUNK):
            waiting = len(decoder.getstate()[0])
            try:
                text = rest + decoder.decode(chunk, final=done + len(chunk) >= size)
            except UnicodeError as error:
                raise _wrong(encoding, done - waiting + getattr(error, "start", 0)) from None
            done += len(chunk)
            if "\0" in text:
                raise Unreadable("unsupported", "It is neither text nor a format that is known here.")
            *lines, rest = re.split("\r\n|\r(?!$)|\n", text)
            if len(rest) > LONGEST_PARAGRAPH:
                lines, rest = [*lines, rest], ""
            yield lines, done / size
    yield [rest.rstrip("\r")], 1.0


class _Paragraph:
    """Lines on their way to a block."""

    def __init__(self, *, is_markdown: bool = False) -> None:
        self._is_markdown = is_markdown
        self._lines: list[str] = []
        self._length = 0
        self._fence = ""

    def add(self, line: str) -> list[Block]:
        """Take a line. Returns the blocks that it ends or is."""
        if self._fence:
            return self._add_code(line)
        if not line.strip():
            return self.end()
        if self._is_markdown:
            if (found := _FENCE.match(line)) is not None:
                before = self.end()
                self._fence = found[1]
                self._keep(line)
                return before
            if (found := _HEADING.match(line)) is not None:
                return self.end() + ([heading(found[2], len(found[1]))] if found[2] else [])
            if self._is_underlined(line):
                return [heading(self._take(), 1 if "=" in line else 2)]
        return self._keep(line)

    def end(self) -> list[Block]:
        """The block of the lines so far, if there are any."""
        lines = self._lines
        if not self._is_markdown or self._fence:
            text = "\n".join(lines) if self._fence else tidy("\n".join(lines))
            self._take()
            return [Block("text", text)] if text.strip() else []
        is_table = len(lines) > 1 and "|" in lines[0] and _TABLE_RULE.match(lines[1]) is not None
        text = tidy(self._take())
        if not text.strip():
            return []
        return [Block("table", text, header=lines[0].strip()) if is_table else Block("text", text)]

    def _add_code(self, line: str) -> list[Block]:
        kept = self._keep(line)
        closing = line.strip()
        if closing.startswith(self._fence) and not closing.strip(self._fence[0]):
            kept = kept + self.end()
            self._fence = ""
        return kept

    def _keep(self, line: str) -> list[Block]:
        self._lines.append(line)
        self._length += len(line)
        return self.end() if self._length > LONGEST_PARAGRAPH else []

    def _is_underlined(self, line: str) -> bool:
        return (
            len(self._lines) == 1
            and _UNDERLINE.match(line) is not None
            and "|" not in self._lines[0]
            and len(self._lines[0]) <= LONGEST_HEADING
        )

    def _take(self) -> str:
        text = "\n".join(self._lines)
        self._lines, self._length = [], 0
        return text
