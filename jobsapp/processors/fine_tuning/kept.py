"""What an attempt leaves for the next one: a file with all that the training's next step depends on."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from jobsapp.processors.sdk import Context

from .model import FineTuningInput

FORM = 1
# The house writes a checkpoint a moment after it was given; until then the one before must still find its file.
FILES = 3


class Kept:
    """`found`: what the last attempt saved, or None: `model`, `optimizer`, `best` (tensors by name), `random` and
    `state` (JSON as text). `samples`: the answers before the training, if they were given already.
    """

    def __init__(self, context: Context, data: FineTuningInput, sources: Sequence[str], base: str) -> None:
        """`sources`: SHA-256 of the files that are trained on; `base`: the identity of the base model."""
        self._context = context
        said = [FORM, list(sources), base, data.model_dump(mode="json"), version("torch"), version("peft")]
        self._id = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        self._every, self._saved = data.checkpoint_seconds, time.monotonic()
        self._files: deque[Path] = deque()
        self._file: list[Any] | None = None
        self.samples: list[str] | None = None
        self.found: dict[str, Any] | None = None
        self._find(context.last_checkpoint)

    def _find(self, last: Any) -> None:
        if not isinstance(last, dict) or last.get("id") != self._id:
            return
        self.samples = last["samples"]
        if not last["file"]:
            return
        name, size = last["file"]
        path = self._context.keepdir / name
        if not path.is_file() or path.stat().st_size != size:
            self._context.log("What the last attempt kept is not here: the training starts anew.", "warning")
            return
        self.found = torch.load(path, map_location="cpu", weights_only=True)
        self._file = last["file"]

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._every

    def save_samples(self, answers: list[str]) -> None:
        self.samples = answers
        self._tell()

    def save(self, step: int, content: dict[str, Any]) -> None:
        """On disk first, then named by the checkpoint."""
        path = self._context.keepdir / f"{self._context.attempt}.{step}.pt"
        with path.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._file = [path.name, path.stat().st_size]
        self._tell()
        self._files.append(path)
        if len(self._files) > FILES:
            self._files.popleft().unlink(missing_ok=True)
        self._saved = time.monotonic()

    def _tell(self) -> None:
        self._context.checkpoint({"id": self._id, "file": self._file, "samples": self.samples})
