"""Broken rows: fail at the first, or write them down as far as the person allows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobsapp.processors.sdk import Permanent

from .model import ConversionInput
from .work import BadRow, Rejected

BATCH = 1_000


class Rejects:
    """Writes each row to the file at `path` as it comes, so that millions of them take no memory.

    `before`: what `state` gave; then the file holds the rows that were left out so far. Without it the file is emptied.
    """

    def __init__(self, data: ConversionInput, path: Path, before: dict[str, Any] | None = None) -> None:
        self._skip = data.on_bad_row == "skip"
        self._most = data.max_bad_rows
        self._first = before["first"] if before else ""
        self._count = before["count"] if before else 0
        self.path = path
        self._lines: list[str] = []
        if before is None:
            path.write_bytes(b"")

    def add(self, bad: BadRow) -> None:
        """Raises `Permanent` unless the row may be skipped."""
        if not self._skip:
            raise Permanent(f"{bad.message} Correct it, or choose to skip broken rows.")
        self._first = self._first or bad.message
        self._count += 1
        if self._most is not None and self._count > self._most:
            raise Permanent(f"More than the {self._most:,} allowed rows are broken. The first: {self._first}")
        self._lines.append(json.dumps(asdict(bad), ensure_ascii=False) + "\n")
        if len(self._lines) >= BATCH:
            self._flush()

    def finish(self) -> Rejected:
        self._flush()
        return Rejected(self._count, self.path)

    def state(self) -> dict[str, Any]:
        """What another attempt needs to go on, with the file as it is now."""
        self._flush()
        return {"first": self._first, "count": self._count}

    def _flush(self) -> None:
        # Opened for each batch: a run may end at any place, and nobody would close it.
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(self._lines)
        self._lines.clear()
