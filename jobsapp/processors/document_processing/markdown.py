"""The Markdown file of a document, and where in it each block stands."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from .blocks import Block
from .chunks import Placed


class MarkdownFile:
    """Use it in a `with` block. `characters`: how many were written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self.characters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.characters:
            self._file.write("\n")
        self._file.close()

    def add(self, block: Block) -> Placed:
        """Write a block after the others."""
        lead = "" if not self.characters else "\n" if block.continues else "\n\n"
        start = self.characters + len(lead)
        self._file.write(lead + block.text)
        self.characters = start + len(block.text)
        return Placed(block, start, self.characters, lead)
