"""What is kept of jobs that are deleted: a file for each batch, named by its first and its last job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

JSONL, PARQUET = "jsonl", "parquet"
FORMATS: tuple[str, ...] = (JSONL, PARQUET)
SUFFIXES = {JSONL: "jsonl.gz", PARQUET: "parquet"}


@dataclass(frozen=True)
class LogLine:
    attempt: int
    at: datetime
    level: str
    message: str


@dataclass(frozen=True)
class Record:
    """A job with its attempts and what is known of its files, as JSON has it; and its log, which is read once."""

    job: dict[str, Any]
    log: Iterator[LogLine]


@dataclass(frozen=True)
class ArchiveName:
    """Where an archive lies. A batch that is archived again has the same name, so it takes the place of the first.

    `month`: when its first job was created, as `2026-11`.
    """

    organization_id: UUID
    month: str
    first_id: UUID
    last_id: UUID
    format: str

    @property
    def file_name(self) -> str:
        return f"{self.first_id}_{self.last_id}.{SUFFIXES[self.format]}"


class Writer(Protocol):
    """Keeps archives. `write` returns size in bytes and SHA-256 of what is on disk, whole, when it returns."""

    def write(self, name: ArchiveName, records: Iterable[Record]) -> tuple[int, str]: ...
