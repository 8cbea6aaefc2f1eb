"""Files in a local folder: `ab/<id>`, where `ab` are the last two digits of the id.

A file appears under its name only when it is whole and on disk. Names that people gave are never used as paths.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from jobsapp.core.sniff import HEAD_BYTES

CHUNK = 1024 * 1024
KEPT = ".kept"


@dataclass(frozen=True)
class Stored:
    """Facts about stored bytes: `size` in bytes, `sha256` in hexadecimal."""

    size: int
    sha256: str


class Receiver:
    """Takes bytes as they arrive, hashes them and keeps them on disk; a file object for writing.

    Rewinding and reading is allowed, because form parsers do so.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".part")
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "w+b")
        self._at = 0
        self._hash = hashlib.sha256()
        self._size = 0
        self.head = b""
        """The first bytes, which say what it is."""

    def write(self, data: bytes) -> int:
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self._hash.update(data)
        self._size += len(data)
        return self._opened().write(data)

    def read(self, size: int = -1) -> bytes:
        return self._opened().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._opened().seek(offset, whence)

    def tell(self) -> int:
        return self._opened().tell()

    def rest(self) -> None:
        """Hold no file of the process open until something is done with it again: of a form there may be thousands."""
        if not self._file.closed:
            self._at = self._file.tell()
            self._file.close()

    def close(self) -> None:
        """Drop the bytes, unless they were adopted. Safe to call twice."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def finish(self) -> Stored:
        """All bytes are there: write them out."""
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        return Stored(self._size, self._hash.hexdigest())

    def _opened(self) -> BinaryIO:
        if self._file.closed:
            self._file = self.path.open("r+b")
            self._file.seek(self._at)
        return self._file


class LocalStorage:
    """Storage in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.work = root / "work"

    def receiver(self) -> Receiver:
        """Where an upload goes until it is whole."""
        return Receiver(self.incoming)

    def path(self, file_id: UUID) -> Path:
        return self.root / str(file_id)[-2:] / str(file_id)

    def adopt(self, source: Path, file_id: UUID) -> None:
        """Move a whole file from this storage's file system to its place. Atomic, and on disk when it returns."""
        target = self.path(file_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The sweep goes by age, and the file may be long in the making.
        os.utime(source)
        source.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, file_id: UUID) -> None:
        """Delete the bytes; no error if there are none."""
        self.path(file_id).unlink(missing_ok=True)

    def make_workdir(self, label: str) -> Path:
        """A new folder for one attempt of one job; whoever asks for it removes it. `label` goes into its name."""
        self.work.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.work, prefix=f"{label}."))

    def keepdir(self, job_id: UUID) -> Path:
        """The folder in which the attempts of a job leave things for the next one; it may not exist."""
        return self.work / f"{job_id}{KEPT}"

    def make_keepdir(self, job_id: UUID) -> Path:
        """The same, made if it is not there. It goes when the job is over, or with the sweep."""
        folder = self.keepdir(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def remove_keepdir(self, job_id: UUID) -> None:
        """Call it once the job is over; no error if there is none."""
        remove(self.keepdir(job_id))

    def remove_workdirs(self, prefix: str) -> None:
        """Remove the work folders whose label begins with `prefix`, left by attempts that died."""
        for folder in self.work.glob(f"{prefix}.*"):
            remove(folder)

    def stale(self, seconds: float) -> Iterator[Path]:
        """Unfinished uploads and work folders that nobody touched for `seconds`."""
        limit = time.time() - seconds
        for folder in (self.incoming, self.work):
            for path in folder.glob("*"):
                if _last_change(path) < limit:
                    yield path

    def stored_ids(self, older_than_seconds: float) -> Iterator[UUID]:
        """Ids of all stored files older than that."""
        limit = time.time() - older_than_seconds
        for path in self.root.glob("??/*"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                if path.stat().st_mtime < limit:
                    yield UUID(path.name)


def sha256_of(path: Path) -> Stored:
    """Size and SHA-256 of a file, read in chunks, and written out to disk."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        return Stored(file.tell(), digest.hexdigest())


def remove(path: Path) -> None:
    """Remove a file or a folder; no error if it is gone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _last_change(path: Path) -> float:
    try:
        times = [path.stat().st_mtime]
        if path.is_dir():
            times += [child.stat().st_mtime for child in path.rglob("*")]
        return max(times)
    except FileNotFoundError:
        return time.time()
