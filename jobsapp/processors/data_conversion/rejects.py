"""Broken rows: fail at the first, or collect them as far as the person allows."""

from __future__ import annotations

from jobsapp.processors.sdk import Permanent

from .model import ConversionInput
from .work import BadRow


class Rejects:
    """`rows` are those that were left out so far."""

    def __init__(self, data: ConversionInput) -> None:
        self.rows: list[BadRow] = []
        self._skip = data.on_bad_row == "skip"
        self._most = data.max_bad_rows

    def add(self, bad: BadRow) -> None:
        """Raises `Permanent` unless the row may be skipped."""
        if not self._skip:
            raise Permanent(f"{bad.message} Correct it, or choose to skip broken rows.")
        self.rows.append(bad)
        if self._most is not None and len(self.rows) > self._most:
            raise Permanent(f"More than the {self._most:,} allowed rows are broken. The first: {self.rows[0].message}")
