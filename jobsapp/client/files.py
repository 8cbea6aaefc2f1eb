"""Files: upload inputs, download results. Both stream."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID, uuid4

from jobsapp.client.answers import StoredFile
from jobsapp.client.base import Calls
from jobsapp.client.errors import Damaged, Unreachable
from jobsapp.client.retries import Repeat
from jobsapp.client.wire import Wire, decode

Source = str | os.PathLike[str] | BinaryIO
CHUNK = 256 * 1024
WHOLE = 200


class _Pipe:
    """What can be read once, and whose size nobody knows."""

    def __init__(self, source: IO[bytes]) -> None:
        self.read = source.read


class FileCalls(Calls):
    """Calls about files."""

    def upload(self, source: Source, *, name: str | None = None) -> StoredFile:
        """Upload a file, in pieces: a path, or an object opened for reading bytes, from its beginning.

        What can be rewound is sent again when the connection breaks; of half an upload nothing is kept. `name`: what
        people see; the file's own by default. Raises OSError if it cannot be read, TooLarge and the other refusals.

        Example:
            file = client.upload("orders.csv")
            data = {"source": str(file.id), "targetFormat": "jsonl"}
        """
        if isinstance(source, (str, os.PathLike)):
            with Path(source).open("rb") as opened:
                return self._upload(opened, name or Path(source).name)
        return self._upload(source, name or Path(str(getattr(source, "name", ""))).name or "upload")

    def download(self, file: StoredFile | UUID | str, path: str | os.PathLike[str]) -> Path:
        """Save an artifact or a file at `path`; if that is a folder, inside of it by its own name. Gives back where.

        A broken connection is taken up where it broke. The bytes are compared with their SHA-256 before the file gets
        its name: `path` never holds half a file. Raises Damaged, NotFound, OSError.

        Example:
            for artifact in done.artifacts:
                print(client.download(artifact, folder))
        """
        if not isinstance(file, StoredFile):
            file = decode(self._wire.send("GET", f"api/files/{UUID(str(file))}"), StoredFile)
        target = Path(path)
        target = target / _safe(file.name) if target.is_dir() else target
        draft = target.with_name(f".{target.name[:100]}.{uuid4().hex}.part")
        try:
            with draft.open("xb") as part:
                _Download(self._wire, file, part).run()
                part.flush()
                os.fsync(part.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def _upload(self, source: BinaryIO, name: str) -> StoredFile:
        again = source.seekable()
        form: Any = {"file": (name.encode(errors="replace").decode(), source if again else _Pipe(source))}
        repeat = Repeat.ALWAYS if again else Repeat.NEVER
        return decode(self._wire.send("POST", "api/files", repeat=repeat, files=form), StoredFile)


class _Download:
    """The bytes of a file on their way into `part`."""

    def __init__(self, wire: Wire, file: StoredFile, part: IO[bytes]) -> None:
        self._wire = wire
        self._file = file
        self._part = part
        self._begin()

    def run(self) -> None:
        """Raises Damaged if what came is something else."""
        broken = 0
        while True:
            before = self._received
            try:
                self._receive()
                break
            except Unreachable:
                # As long as something comes each time, it goes on.
                broken = 1 if self._received > before else broken + 1
                if broken >= self._wire.retries.attempts:
                    raise
                time.sleep(self._wire.retries.pause(broken))
        if self._digest.hexdigest() != self._file.sha256:
            raise Damaged(f"The bytes of {self._file.name!r} do not fit its SHA-256: {self._received} came.")

    def _begin(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._digest = hashlib.sha256()
        self._received = 0

    def _receive(self) -> None:
        headers = {"Accept-Encoding": "identity"}
        if self._received:
            headers |= {"Range": f"bytes={self._received}-", "If-Range": f'"{self._file.sha256}"'}
        with self._wire.stream("GET", f"api/files/{self._file.id}/content", headers=headers) as response:
            if response.status_code == WHOLE and self._received:
                self._begin()
            for piece in response.iter_raw(CHUNK):
                self._part.write(piece)
                self._digest.update(piece)
                self._received += len(piece)


def _safe(name: str) -> str:
    """The last part of a name that somebody else chose."""
    last = name.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return last if last not in ("", ".", "..") else "download"
