"""Chunks: pieces of a document's Markdown along its structure, none of more tokens than asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from .blocks import Block

# A section is cut in pieces of this many characters, so that memory stays bounded.
LONGEST_SECTION = 200_000
MAX_CHARACTERS_PER_TOKEN = 20

Count = Callable[[str], int]


@dataclass(frozen=True)
class Placed:
    """A block where it stands in the Markdown file: `start` and `end` in characters, `lead` what precedes it."""

    block: Block
    start: int
    end: int
    lead: str


@dataclass(frozen=True)
class Chunk:
    """A piece of the Markdown file: `text` is its characters from `start` to `end`.

    `headings`: the headings above it, from the top. `page_from` and `page_to`: None for formats without pages.
    `table_header`: the first row of the table in whose middle it begins, else "".
    """

    text: str
    start: int
    end: int
    page_from: int | None
    page_to: int | None
    headings: tuple[str, ...]
    tokens: int
    table_header: str = ""


def in_context(text: str, headings: Sequence[str], table_header: str) -> str:
    """The text of a chunk with what a reader must know of what stands above it: what its vector is made of."""
    above = [] if text.startswith("#") or not headings else [" > ".join(headings)]
    return "\n".join([*above, *filter(None, [table_header]), text])


@dataclass(frozen=True)
class _Section:
    """Blocks that follow one another under the same headings."""

    headings: tuple[str, ...]
    placed: Sequence[Placed]
    tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(one.lead + one.block.text for one in self.placed)[len(self.placed[0].lead) :]

    @property
    def has_body(self) -> bool:
        return any(one.block.kind != "heading" for one in self.placed)


class Chunker:
    """Takes the blocks of one document in their order and gives its chunks.

    Small sections under a common heading are put together, a large one is cut, with an overlap of about so many
    tokens. `count` tells the tokens of a text.
    """

    def __init__(self, count: Count, size: int, overlap: int) -> None:
        self._count, self._size, self._overlap = count, size, overlap
        self._headings: list[tuple[int, str]] = []
        self._open: list[Placed] = []
        self._waiting: _Section | None = None
        self._length = 0

    def add(self, placed: Placed) -> Iterator[Chunk]:
        """Take the next block. Gives the chunks that are complete by it."""
        if placed.block.kind == "heading" or self._length > LONGEST_SECTION:
            yield from self._close()
        if placed.block.kind == "heading":
            title = placed.block.text.lstrip("#").strip()
            self._headings = [one for one in self._headings if one[0] < placed.block.level]
            self._headings.append((placed.block.level, title))
        self._open.append(placed)
        self._length += len(placed.block.text)

    def end(self) -> Iterator[Chunk]:
        """The chunks of what is left."""
        yield from self._close()
        yield from self._flush()

    def _close(self) -> Iterator[Chunk]:
        """The open section is complete: put it to those that wait, if all of it fits into one chunk."""
        if not self._open:
            return
        section = _Section(tuple(title for _, title in self._headings), self._open)
        section = replace(section, tokens=self._count(section.text))
        self._open, self._length = [], 0
        before = self._waiting
        if before is None:
            self._waiting = section
            return
        headings = _common(before.headings, section.headings)
        # A heading without a text of its own stands before what follows, even if that is cut.
        fits = bool(headings) and before.tokens + section.tokens <= self._size
        if fits or not before.has_body:
            kept = section.headings if not before.has_body else headings
            joined = _Section(kept, [*before.placed, *section.placed], before.tokens + section.tokens)
            self._waiting = joined
        else:
            yield from self._flush()
            self._waiting = section

    def _flush(self) -> Iterator[Chunk]:
        section, self._waiting = self._waiting, None
        if section is None:
            return
        text, base = section.text, section.placed[0].start
        for start, end in self._cuts(section, text):
            yield self._chunk(section, text[start:end], base + start, base + end)

    def _cuts(self, section: _Section, text: str) -> Iterator[tuple[int, int]]:
        """Where chunks start and end in the text of a section. Its headings stay with what follows them."""
        if self._count(text) <= self._size:
            yield 0, len(text)
            return
        body = next((one.start - section.placed[0].start for one in section.placed if one.block.kind != "heading"), 0)
        above = self._count(text[:body])
        if above > self._size // 2:
            body = above = 0
        for number, (start, end) in enumerate(self._split(text[body:], self._size - above)):
            yield (body + start if number else 0), body + end

    def _split(self, text: str, size: int) -> list[tuple[int, int]]:
        from semchunk import chunkerify  # type: ignore[attr-defined]

        split = chunkerify(self._count, size, max_token_chars=MAX_CHARACTERS_PER_TOKEN, memoize=False)
        found: Any = split(text, offsets=True, overlap=min(self._overlap, size // 2) or None)
        return list(found[1])

    def _chunk(self, section: _Section, text: str, start: int, end: int) -> Chunk:
        under = [one for one in section.placed if one.start < end and one.end > start]
        pages = [one.block.page for one in under if one.block.page is not None]
        first = under[0]
        inside = first.block.kind == "table" and (first.block.continues or start > first.start)
        return Chunk(
            text=text,
            start=start,
            end=end,
            page_from=min(pages, default=None),
            page_to=max(pages, default=None),
            headings=section.headings,
            tokens=self._count(text),
            table_header=first.block.header if inside else "",
        )


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return tuple(title for title, _ in same)
