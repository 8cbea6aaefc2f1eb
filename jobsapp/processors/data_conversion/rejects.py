"""Broken rows: fail at the first, or write them down as far as the person allows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from .model import ConversionInput
from .work import BadRow, Rejected

BATCH = 1_000


class Rejects:
    """Writes each row to the file at `path` as it comes, so that millions of them take no memory."""

    def __init__(self, data: ConversionInput, path: Path) -> None:
        self._skip = data.on_bad_row == "skip"
        self._most = data.max_bad_rows
        self._first = ""
        self._count = 0
        self._path = path
        self._lines: list[str] = []
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
        return Rejected(self._count, self._path)

    def _flush(self) -> None:
        # Opened for each batch: a run may end at any place, and nobody would close it.
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(self._lines)
        self._lines.clear()
