"""Conversions that crash on purpose, and what the attempt after them is given."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.data_conversion.saver import Saver
from jobsapp.processors.sdk import JSON
from jobsapp.processors.testing import FakeContext, Run, run_processor
from tests.examples import examples

quick = settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Crash(BaseException):
    """The end of a process, as far as a test can have one without losing its own."""


class Crashing(FakeContext):
    """Crashes at progress report number `crash_at`. Each report waits for what is being saved, or each n-th."""

    crash_at = -1
    waits_each = 1
    saver: Saver | None = None

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        super().progress(current, total, message)
        if len(self.history) % self.waits_each == 0:
            self._wait_for_disk()
        if len(self.history) == self.crash_at:
            raise Crash

    def _wait_for_disk(self) -> None:
        deadline = time.monotonic() + 60
        while self.saver is not None and not self.saver.is_idle:
            assert time.monotonic() < deadline, "a checkpoint was not saved"
            time.sleep(0.0005)


class Hasty(Crashing):
    """With a few checkpoints only: a disk takes milliseconds for each."""

    waits_each = 4


def convert(source: Path, folder: Path, data: dict[str, Any], context: FakeContext | None = None) -> Run:
    return run_processor(DataConversion, data, files=[source], tmp_path=folder, context=context)


def made(run: Run) -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that is kept of a run, but for its time."""
    result = {key: value for key, value in run.result.items() if key != "seconds"}
    return result, {name: path.read_bytes() for name, path in run.artifacts.items()}


ROWS = 400


def rows(seed: int, *, late: bool, broken: bool) -> list[str]:
    draw = random.Random(seed)
    texts = ["", "007", "1", "true", 'a "b", c', "line\nbreak", "é", "x" * 40, "[1]"]
    lines = []
    for number in range(ROWS):
        row: dict[str, JSON] = {"id": number, "mixed": draw.choice([1, "1", None, True]), "t": draw.choice(texts)}
        row["n"] = {"x": [1.5, draw.choice(texts)]}
        # What a column is can be told only by both halves.
        row["turn"] = number if number < ROWS // 2 else number % 2 == 0
        if late and number > ROWS // 2:
            row["late"] = number if number % 3 else str(number)
        if number > ROWS // 3 and number % 5 == 0:
            row.pop("t")
        line = json.dumps(row, ensure_ascii=bool(number % 2), separators=(",", ":"))
        lines.append(line[:-1] if broken and number % 29 == 3 else line)
    return lines


def write(folder: Path, lines: list[str], kind: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"t.{kind}"
    path.write_text("\n".join(lines) + "\n" if kind == "jsonl" else "[" + ",\n".join(lines) + "]")
    return path


def again(context: FakeContext, source: Path) -> Crashing:
    after = context.next_attempt()
    kind = type(context) if isinstance(context, Crashing) else Crashing
    return kind(
        after.folder,
        files=[source],
        attempt=after.attempt,
        last_checkpoint=after.last_checkpoint,
        threads=after.threads,
    )


class Photographing(Crashing):
    """Keeps each checkpoint, with the files as they are when it is given, in `photos`."""

    def checkpoint(self, state: JSON) -> None:
        shutil.copytree(self.keepdir, self.folder / "photos" / str(len(self.checkpoints) + 1))
        super().checkpoint(state)


def whole_photo(saved, photo: Path) -> bool:
    return all((photo / name).exists() for name, _ in saved["files"].values())
