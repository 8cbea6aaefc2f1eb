"""Run a processor in a test, without database, Redis or web: everything in memory and one folder.

    from jobsapp.processors.testing import run_processor

    def test_greets(tmp_path):
        run = run_processor(Greet, {"name": "Ana"}, tmp_path=tmp_path)
        assert run.result == {"text": "Hello Ana"}
        assert run.progress[-1].percentage == 100

Files are given as paths. The id of one goes into the data as `str(file_id(path))`; when there is one file and the
model has one file field, that happens by itself. What `context.parents()` tells is given as
`parents=[ParentJob(uuid4(), "first", "greet", "completed", {"text": "Hello"})]`.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from pydantic import BaseModel

from jobsapp.core.points import Points
from jobsapp.processors.sdk import JSON, LEVELS, Cancelled, Context, InputFile, ParentJob, Passage, Permanent, Processor


@dataclass(frozen=True)
class Progress:
    """One call of `context.progress`."""

    current: float
    total: float | None
    message: str | None

    @property
    def percentage(self) -> float | None:
        """0 to 100, or None while the total is not known."""
        return None if not self.total else min(100.0, 100.0 * self.current / self.total)


@dataclass
class FakeArtifact:
    """A file in the making; `path` is where to write it."""

    name: str
    path: Path
    media_type: str


class FakeContext:
    """The `Context` protocol in memory: keeps what the processor said, for the test to look at.

    `cancel_when` is asked at every `check_cancelled` and `cancelled`; True asks for cancelling.
    """

    def __init__(
        self,
        folder: Path,
        *,
        files: Sequence[Path] = (),
        threads: int = 2,
        attempt: int = 1,
        last_checkpoint: JSON = None,
        parents: Sequence[ParentJob] = (),
        cancel_when: Callable[[FakeContext], bool] = lambda _: False,
    ) -> None:
        self.job_id = uuid4()
        self.attempt = attempt
        self.user_id: UUID | None = uuid4()
        self.organization_id = uuid4()
        self.folder = folder
        self.workdir = folder / "work"
        self.keepdir = folder / "kept"
        self.threads = threads
        self.last_checkpoint = last_checkpoint
        self._parents = list(parents)
        self._paths = list(files)
        self.files = {file_id(path): path for path in files}
        self.artifacts: dict[str, Path] = {}
        self.history: list[Progress] = []
        self.lines: list[tuple[str, str]] = []
        self.checkpoints: list[JSON] = []
        self.metrics: dict[str, list[tuple[float, float]]] = {}
        self._points = Points()
        self.passages: list[tuple[Passage, str]] = []
        self._cancel_when = cancel_when
        self._kept = folder / "artifacts"
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.keepdir.mkdir(parents=True, exist_ok=True)
        self._kept.mkdir(parents=True, exist_ok=True)

    @property
    def cancelled(self) -> bool:
        return self._cancel_when(self)

    @cancelled.setter
    def cancelled(self, value: bool) -> None:
        self._cancel_when = lambda _: value

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        if message is None and self.history:
            message = self.history[-1].message
        self.history.append(Progress(current, total, message))

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def log(self, message: str, level: str = "info") -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(sorted(LEVELS))}, not {level!r}")
        self.lines.append((level, message))

    def metric(self, key: str, value: float, step: float | None = None) -> None:
        if point := self._points.add(key, value, step):
            self.metrics.setdefault(key, []).append((point.step, point.value))

    def file(self, file_id: UUID) -> InputFile:
        path = self.files.get(file_id)
        if path is None:
            raise Permanent(f"There is no file {file_id}.")
        return InputFile(
            id=file_id,
            name=path.name,
            path=path,
            size=path.stat().st_size,
            media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            sha256=_sha256(path),
        )

    def parents(self) -> Sequence[ParentJob]:
        return list(self._parents)

    @contextmanager
    def artifact(self, name: str, media_type: str | None = None) -> Iterator[FakeArtifact]:
        part = self._kept / f"{uuid4()}.part"
        try:
            yield FakeArtifact(name, part, media_type or mimetypes.guess_type(name)[0] or "application/octet-stream")
            self.artifacts[name] = part.replace(self._kept / name)
        finally:
            part.unlink(missing_ok=True)

    def make_searchable(self, passages: Sequence[Passage], model: str = "") -> None:
        self.passages += [(passage, model) for passage in passages]

    def checkpoint(self, state: JSON) -> None:
        json.dumps(state, allow_nan=False)
        self.checkpoints.append(state)

    def next_attempt(self) -> FakeContext:
        """The context of the attempt after this one: with the same files, its last checkpoint and what it kept."""
        last = self.checkpoints[-1] if self.checkpoints else self.last_checkpoint
        return FakeContext(
            self.folder,
            files=list(self._paths),
            threads=self.threads,
            attempt=self.attempt + 1,
            last_checkpoint=last,
            parents=self._parents,
        )

    def leftovers(self) -> list[Path]:
        """Files that lie in the artifacts' folder but belong to no finished artifact."""
        return [path for path in self._kept.iterdir() if path not in self.artifacts.values()]


@dataclass(frozen=True)
class Run:
    """What came out of `run_processor`."""

    result: Any
    context: FakeContext

    @property
    def artifacts(self) -> Mapping[str, Path]:
        """Finished artifacts: path by name."""
        return self.context.artifacts

    @property
    def progress(self) -> list[Progress]:
        return self.context.history

    @property
    def metrics(self) -> Mapping[str, list[tuple[float, float]]]:
        """What was measured: (step, value) by key."""
        return self.context.metrics

    @property
    def log(self) -> list[tuple[str, str]]:
        """Log lines: (level, message)."""
        return self.context.lines


def file_id(path: Path) -> UUID:
    """The id under which a test's file is known to the fake context."""
    return uuid5(NAMESPACE_URL, path.absolute().as_uri())


def run_processor(
    processor: type[Processor] | Processor,
    data: Mapping[str, Any],
    *,
    tmp_path: Path,
    files: Sequence[Path] = (),
    context: FakeContext | None = None,
    **context_options: Any,
) -> Run:
    """Check `data` with the processor's model and run it. Errors come through as they are.

    `context_options` go to `FakeContext`. The work folder is removed afterwards, as the house does; what was kept for
    the next attempt stays if another may follow: give `context.next_attempt()` to run that.
    """
    made = processor() if isinstance(processor, type) else processor
    context = context or FakeContext(tmp_path, files=files, **context_options)
    checked = made.Input.model_validate(_with_files(made.Input, dict(data), files))
    try:
        result = made.run(checked, _as_context(context))
    except (Permanent, Cancelled):
        shutil.rmtree(context.keepdir, ignore_errors=True)
        raise
    else:
        shutil.rmtree(context.keepdir, ignore_errors=True)
    finally:
        shutil.rmtree(context.workdir, ignore_errors=True)
    return Run(result, context)


def _as_context(context: FakeContext) -> Context:
    return context


def _with_files(model: type[BaseModel], data: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    fields = [key for key, schema in model.model_json_schema().get("properties", {}).items() if _is_file(schema)]
    if len(fields) == 1 and len(files) == 1:
        data.setdefault(fields[0], str(file_id(files[0])))
    return data


def _is_file(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "file-id"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
