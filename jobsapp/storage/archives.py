"""Archives in a local folder: `<organisation>/<year-month>/<first job>_<last job>.jsonl.gz`, or `.parquet`.

Like a stored file, an archive appears under its name only when it is whole and on disk.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from pydantic_core import to_json

from jobsapp.core.archives import JSONL, ArchiveName, Record
from jobsapp.storage.local import sha256_of

PART = ".part"


class Archives:
    """Archives in the folder `root`. Only ids go into paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: ArchiveName) -> Path:
        return self.root / str(name.organization_id) / name.month / name.file_name

    def write(self, name: ArchiveName, records: Iterable[Record]) -> tuple[int, str]:
        """Write an archive, one that has the name already included; returns size in bytes and SHA-256.

        Raises OSError, and what `records` raises: then there is no archive, or the one that was there before.
        """
        target = self.path(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(target.name + PART)
        try:
            with draft.open("wb") as file:
                _write(file, name.format, records)
                file.flush()
                os.fsync(file.fileno())
            stored = sha256_of(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        _sync(target.parent)
        _sync(target.parent.parent)
        return stored.size, stored.sha256

    def stale(self, seconds: float) -> Iterator[Path]:
        """Halves of archives that nobody touched for `seconds`."""
        limit = time.time() - seconds
        return (path for path in self.root.glob(f"*/*/*{PART}") if path.stat().st_mtime < limit)


def _write(file: IO[bytes], wanted: str, records: Iterable[Record]) -> None:
    if wanted == JSONL:
        # Without a name and a time inside: the same jobs give the same bytes.
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            for record in records:
                _write_line(packed, record)
        return
    from jobsapp.storage.parquet import write_parquet

    write_parquet(file, records)


def _write_line(file: gzip.GzipFile, record: Record) -> None:
    """One job is one line, whose log comes last: it may be longer than what fits into memory."""
    file.write(to_json(record.job)[:-1] + b',"log":[')
    for number, line in enumerate(record.log):
        file.write((b"," if number else b"") + to_json(line))
    file.write(b"]}\n")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
