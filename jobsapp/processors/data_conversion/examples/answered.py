"""What came of each row, in a file that the next attempt goes on with: no row is asked twice once it is on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from ..kept import Kept
from .asking import Asked
from .template import Example

ROLE = "answers"
SECONDS = 1.0


class Answered:
    """Rows in the order in which their answers came, read again in the order of the table. Use it in a `with` block."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._path = kept.part(ROLE, go_on=True)
        self._places: dict[int, int] = {}
        self._done = kept.done
        self._file = self._path.open("r+b")
        self._read()
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, row: int) -> bool:
        return row in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: int, asked: Asked, done: float) -> None:
        """`done`: the share of the whole that this makes."""
        self._places[row] = self._file.tell()
        self._file.write(json.dumps({"row": row, **asdict(asked)}, ensure_ascii=False).encode() + b"\n")
        self._done = done
        if time.monotonic() - self._saved >= SECONDS:
            self._save()

    def __iter__(self) -> Iterator[tuple[int, Asked]]:
        """All rows by their numbers."""
        self._file.flush()
        for row in sorted(self._places):
            self._file.seek(self._places[row])
            yield row, _asked(json.loads(self._file.readline()))

    def keep(self) -> None:
        """Have all that is there remembered before this returns: the attempt ends without a result."""
        self._save()
        self._kept.settle()

    def _save(self) -> None:
        self._file.flush()
        self._kept.save(self._done, {ROLE: (self._path, self._file.tell())}, {"rows": len(self)})
        self._saved = time.monotonic()

    def _read(self) -> None:
        place = 0
        for line in self._file:
            self._places[json.loads(line)["row"]] = place
            place += len(line)
        self._file.seek(place)


def _asked(said: dict[str, Any]) -> Asked:
    said.pop("row")
    examples = [Example(**example) for example in said.pop("examples")]
    rejected = [(kind, reason, text) for kind, reason, text in said.pop("rejected")]
    return Asked(examples, rejected, **said)
