"""What an attempt leaves for the next one: the documents it is done with, and the vectors it has made.

Files are written by one attempt only, whose number their names begin with. A checkpoint names a file with the size
that is on disk by then. Those of finished documents are never written again, so the next attempt reads them where
they are; of the growing ones (the list of documents, the vectors) it copies what is named to files of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobsapp.processors.sdk import Context, InputFile

from .model import DocumentsInput

SECONDS = 3.0
CHUNK = 4 << 20
# To be raised when what is written changes its form: then no half made before is gone on with.
FORM = 1
LIBRARIES = ("pypdfium2", "python-docx", "python-pptx", "openpyxl", "selectolax", "semchunk", "tokenizers", "numpy")


@dataclass(frozen=True)
class Record:
    """What came of one document.

    `status`: processed; scanned (pages without text only); failed. `kind` and `message`: the error, or what is to be
    said. `text` and `chunk_lines` are names of files of the job's folder, "" if there are none, with their sizes in
    bytes.
    """

    document: str
    status: str
    format: str = ""
    kind: str = ""
    message: str = ""
    pages: int | None = None
    scanned_pages: int = 0
    characters: int = 0
    headings: int = 0
    tables: int = 0
    chunks: int = 0
    tokens: int = 0
    text: str = ""
    text_bytes: int = 0
    chunk_lines: str = ""
    chunk_bytes: int = 0


class Kept:
    """Of one attempt. Use it in a `with` block.

    `records`: of the documents that are done, in their order; the last attempt's at first.
    """

    def __init__(self, context: Context, run: str) -> None:
        self._context, self._run = context, run
        self.folder = context.keepdir
        self._numbers = count(1)
        self._began = self._saved = time.monotonic()
        self._seconds = 0.0
        self._found_vectors = ("", 0)
        self._not_on_disk: list[Path] = []
        self.records: list[Record] = []
        if context.last_checkpoint:
            self._find(context.last_checkpoint)
        self._journal_path = self.path("documents")
        self._journal = self._journal_path.open("w", encoding="utf-8")
        for record in self.records:
            self._write(record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()

    @property
    def spent(self) -> float:
        """Seconds of this attempt, and of those before it as far as they were of use."""
        return self._seconds + time.monotonic() - self._began

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved >= SECONDS

    def path(self, role: str) -> Path:
        """A new file of this attempt's."""
        return self.folder / f"{self._context.attempt}.{next(self._numbers)}.{role}"

    def add(self, record: Record) -> None:
        """A document is done, and its files are closed."""
        self.records.append(record)
        self._write(record)
        self._not_on_disk += [self.folder / name for name in (record.text, record.chunk_lines) if name]

    def vectors(self) -> tuple[Path, int]:
        """A file for the vectors with those that the last attempt saved, and its size in bytes."""
        path = self.path("vectors")
        name, left = self._found_vectors
        size = left
        with path.open("wb") as file:
            if left:
                with (self.folder / name).open("rb") as before:
                    while left:
                        chunk = before.read(min(CHUNK, left))
                        if not chunk:
                            raise OSError(f"{name} has become shorter.")
                        left -= file.write(chunk)
        return path, size

    def save(self, vectors: Path | None = None, size: int = 0) -> None:
        """Put what is done on disk and have it remembered; `size`: the bytes of `vectors` that are whole."""
        self._journal.flush()
        for path in [*self._not_on_disk, *([vectors] if vectors else []), self._journal_path, self.folder]:
            _to_disk(path)
        self._not_on_disk = []
        found = (vectors.name, size) if vectors else self._found_vectors
        self._context.checkpoint(
            {
                "run": self._run,
                "documents": [self._journal_path.name, self._journal.tell()],
                "vectors": list(found),
                "seconds": round(self.spent, 3),
            }
        )
        self._saved = time.monotonic()

    def _write(self, record: Record) -> None:
        self._journal.write(json.dumps(asdict(record)) + "\n")

    def _find(self, last: Any) -> None:
        if not isinstance(last, dict) or last.get("run") != self._run:
            self._context.log("The last attempt had other files, options or versions. Starting from the beginning.")
            return
        records = self._read(*last["documents"])
        if records is None or not all(self._has(one) for one in records):
            self._context.log("What the last attempt had done is not here. Starting from the beginning.")
            return
        self.records, self._seconds = records, float(last["seconds"])
        name, size = last["vectors"]
        if name and self._size(name) >= size:
            self._found_vectors = (Path(name).name, size)
        self._context.log(f"Resumed: {len(records):,} documents are done already.")

    def _read(self, name: str, size: int) -> list[Record] | None:
        if self._size(name) < size:
            return None
        data = (self.folder / Path(name).name).read_bytes()[:size]
        return [Record(**json.loads(line)) for line in data.splitlines()]

    def _has(self, record: Record) -> bool:
        files = ((record.text, record.text_bytes), (record.chunk_lines, record.chunk_bytes))
        return all(not name or self._size(name) == size for name, size in files)

    def _size(self, name: str) -> int:
        try:
            return (self.folder / Path(name).name).stat().st_size
        except FileNotFoundError:
            return -1


def run_id(data: DocumentsInput, files: Sequence[InputFile], model: str) -> str:
    """The same for two runs only if they make the same bytes: of the files, the options, the model, the versions."""
    options = data.model_dump(mode="json", exclude={"documents", "store"}) | {"embed": model}
    facts = [FORM, [version(name) for name in LIBRARIES], [[file.name, file.sha256] for file in files], options]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
