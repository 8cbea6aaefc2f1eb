"""Which questions are answered, in a file that the next attempt goes on with."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobsapp.processors.sdk import Context

from .model import FineTuningInput

Row = dict[str, str]


class Answered:
    """The answers in the order of the questions, those of the attempts before among them: each question has a seed of
    its own, so the rest comes as if nothing had happened. Use it in a `with` block.

    `tokens` were written in `seconds`.
    """

    def __init__(self, context: Context, data: FineTuningInput, adapter: str) -> None:
        """`adapter`: the SHA-256 of its file."""
        self._context = context
        self._id = hashlib.sha256(f"{adapter}{data.model_dump_json()}".encode()).hexdigest()
        self.rows: list[Row] = []
        self.tokens, self.seconds = 0, 0.0
        self._find(context.last_checkpoint)
        self.path = context.keepdir / f"{context.attempt}.answers"
        self._file = self.path.open("wb")
        for row in self.rows:
            self._write(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: Row, tokens: int, seconds: float) -> None:
        """It is on disk when this returns."""
        self.rows.append(row)
        self.tokens, self.seconds = self.tokens + tokens, self.seconds + seconds
        self._write(row)
        self._file.flush()
        os.fsync(self._file.fileno())
        file = [self.path.name, self._file.tell()]
        facts = {"id": self._id, "file": file, "tokens": self.tokens, "seconds": round(self.seconds, 3)}
        self._context.checkpoint(facts)

    def _write(self, row: Row) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def _find(self, last: Any) -> None:
        if not isinstance(last, dict) or last.get("id") != self._id:
            return
        name, size = last["file"]
        path = self._context.keepdir / Path(name).name
        if not path.is_file() or path.stat().st_size < size:
            self._context.log("What the last attempt kept is not here: all questions are asked again.", "warning")
            return
        self.rows = [json.loads(line) for line in path.read_bytes()[:size].splitlines()]
        self.tokens, self.seconds = last["tokens"], last["seconds"]
        self._context.log(f"Resumed: {len(self.rows):,} questions are answered.")
