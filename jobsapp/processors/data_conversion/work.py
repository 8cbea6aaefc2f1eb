"""What one conversion is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobsapp.processors.sdk import Context, InputFile

from .duck import Duck
from .kept import Kept
from .model import ConversionInput, Format
from .progress import Stage
from .table import Column


@dataclass(frozen=True)
class Work:
    """One conversion: write the table in `source` (of `format`) to `target`.

    `kept`: what the last attempt left for this one, and this one leaves for the next.
    """

    context: Context
    data: ConversionInput
    source: InputFile
    format: Format
    duck: Duck
    target: Path
    stage: Stage
    kept: Kept

    def scratch(self, name: str) -> Path:
        """A file in the job's own folder."""
        return self.context.workdir / name

    def within(self, stage: Stage) -> Work:
        return replace(self, stage=stage)


@dataclass(frozen=True)
class BadRow:
    """A row that was left out. `line` counts from 1, `byte` from 0, both in the file as it was read (UTF-8)."""

    line: int
    byte: int
    kind: str
    text: str
    message: str


@dataclass(frozen=True)
class Rejected:
    """How many rows were left out; they are listed in the JSON Lines file at `path`."""

    count: int
    path: Path


@dataclass(frozen=True)
class Outcome:
    """`encoding` is None where the format has no choice of one."""

    rows: int
    columns: Sequence[Column]
    rejected: Rejected | None = None
    encoding: str | None = None
