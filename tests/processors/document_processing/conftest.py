"""Process documents in one line: `process(path, …)`; without vectors unless they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.document_processing import DocumentProcessing
from jobsapp.processors.testing import Run, file_id, run_processor

Process = Callable[..., "Processed"]


class Processed:
    """The finished run and what it made."""

    def __init__(self, run: Run) -> None:
        self.run, self.result = run, run.result
        self.rows: list[dict[str, Any]] = run.result["perDocument"]

    @property
    def row(self) -> dict[str, Any]:
        """Of the only document."""
        (row,) = self.rows
        return row

    def text(self, number: int = 0) -> str:
        return self.run.artifacts[self.rows[number]["text"]].read_text()

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run.artifacts["chunks.jsonl"].read_text().splitlines()]

    @property
    def log(self) -> list[str]:
        return [message for _, message in self.run.log]


def given(paths: tuple[Path, ...], options: dict[str, Any]) -> dict[str, Any]:
    return {"documents": [str(file_id(path)) for path in paths], "embed": "none", **options}


@pytest.fixture
def process(tmp_path: Path) -> Process:
    numbers = count()

    def process(*paths: Path, **options: Any) -> Processed:
        folder = tmp_path / f"run{next(numbers)}"
        # On a busy machine two threads that wait for one another take far longer than one.
        data = given(paths, options)
        return Processed(run_processor(DocumentProcessing, data, files=paths, tmp_path=folder, threads=1))

    return process


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
