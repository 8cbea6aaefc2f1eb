"""What every reader makes of a document: headings, paragraphs and tables as Markdown, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .ocr import Ocr

Kind = Literal["heading", "text", "table"]
LONGEST_HEADING = 300


class Unreadable(Exception):
    """One document cannot be read; the others go on.

    `kind` is for programs: encrypted, broken, empty, unsupported, too-large or encoding. The message is a sentence
    for people, without the document's name.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message.translate(_CONTROLS))
        self.kind = kind


@dataclass(frozen=True)
class Block:
    """A piece of Markdown that stands for itself.

    `level`: 1 to 6 of a heading, else 0. `page`: of the document, slide or sheet, from 1; None where there is none.
    `header`: the first row of a table. `continues`: the rows go on where the block before ended.
    """

    kind: Kind
    text: str
    level: int = 0
    page: int | None = None
    header: str = ""
    continues: bool = False


@dataclass(frozen=True)
class Piece:
    """What was read at once: a page, a slide, some rows. `done`: the share of the document up to here, 0 to 1."""

    blocks: Sequence[Block]
    done: float
    place: str


@dataclass
class Facts:
    """What a reader finds out besides the text.

    `pages`: pages, slides or sheets, None for formats without. `scanned`: numbers of pages that are only a picture.
    `recognised`: those of them whose text was read all the same.
    `notes`: sentences for people about what was left out.
    """

    pages: int | None = None
    scanned: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """The options that concern readers: `encoding` of text files or "auto", the most pages, who reads scans."""

    encoding: str = "auto"
    max_pages: int | None = None
    ocr: Ocr | None = None


def heading(text: str, level: int, page: int | None = None) -> Block:
    """A heading of level 1 to 6; what is too long for one becomes a paragraph."""
    text = one_line(text)
    if len(text) > LONGEST_HEADING:
        return Block("text", text, page=page)
    level = min(max(level, 1), 6)
    return Block("heading", f"{'#' * level} {text}", level=level, page=page)


def table(
    rows: Iterable[Sequence[str]], page: int | None = None, *, header: str = "", width: int | None = None
) -> Block | None:
    """A Markdown table of rows of cells; None if nothing is in it.

    `header`: the header row of a table that these rows continue; then `width` is its number of columns.
    """
    cells = [[cell(text) for text in row] for row in rows]
    if not any(any(row) for row in cells):
        return None
    width = width or max(len(row) for row in cells)
    lines = [table_row([*row, *[""] * (width - len(row))]) for row in cells]
    if header:
        return Block("table", "\n".join(lines), page=page, header=header, continues=True)
    return Block("table", "\n".join([lines[0], rule(width), *lines[1:]]), page=page, header=lines[0])


def table_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def rule(width: int) -> str:
    return "|" + " --- |" * width


def cell(text: str) -> str:
    """Text that may stand in a cell: on one line, its pipes escaped."""
    return "<br>".join(line for part in text.splitlines() if (line := part.strip())).replace("|", "\\|")


def one_line(text: str) -> str:
    return " ".join(text.split())


_BLANK_LINES = re.compile(r"\n\s*\n+")


def tidy(text: str) -> str:
    """Text without control characters, white space at the ends of its lines, and blank lines."""
    text = text.translate(_CONTROLS)
    return _BLANK_LINES.sub("\n", "\n".join(line.rstrip() for line in text.splitlines())).strip("\n")


# Line ends and tabs stay; lone surrogates cannot be written as UTF-8.
_CONTROLS: dict[int, int | str | None] = {n: None for n in range(32) if chr(n) not in "\t\n\r"}
_CONTROLS |= {0x7F: None, 0xFFFE: None, 0xFFFF: None, 0xAD: None, 0xA0: " "}
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), "�")
