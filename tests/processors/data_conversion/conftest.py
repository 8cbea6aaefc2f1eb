"""Convert a small text in one line: `convert("a,b\\n1,2\\n", "jsonl")`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.data_conversion.saver import Saver
from jobsapp.processors.testing import FakeContext, Run, run_processor
from tests.processors.data_conversion.crashing import Crashing
from tests.processors.data_conversion.examples import TABLE

Convert = Callable[..., "Converted"]


class Converted:
    """The finished run, and the bytes and text of what it made."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.result = run.result
        self.path = run.artifacts[run.result["artifact"]]

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def text(self) -> str:
        return self.data.decode()


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    numbers = count()

    def convert(source: str | bytes | Path, target: str, *, name: str = "t.csv", **options: Any) -> Converted:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        if not isinstance(source, Path):
            path = folder / name
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
            source = path
        data = {"targetFormat": target, **options}
        return Converted(run_processor(DataConversion, data, files=[source], tmp_path=folder))

    return convert


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Run]:
    def make(table: str = TABLE, context: FakeContext | None = None, name: str = "t.csv", **options: Any) -> Run:
        source = tmp_path / name
        source.write_text(table)
        data = {"targetFormat": "jsonl", "options": options}
        return run_processor(DataConversion, data, files=[source], tmp_path=tmp_path, context=context)

    return make


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, each of them followed by a checkpoint if the disk is fast enough."""
    monkeypatch.setattr("jobsapp.processors.data_conversion.kept.SECONDS", 0.0)
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_array.BATCH", 300)
    monkeypatch.setattr("jobsapp.processors.data_conversion.duck.POLL_SECONDS", 0.001)
    give = Saver.give

    def tell(saver: Saver, checkpoint: dict[str, Any]) -> None:
        if isinstance(saver._context, Crashing):
            saver._context.saver = saver
        give(saver, checkpoint)

    monkeypatch.setattr(Saver, "give", tell)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(n) for n in count())
