"""The context of a running job: what the processor says is kept here until the pulse or the finish writes it."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from jobsapp.core.names import display_name, media_type_of
from jobsapp.core.points import Point, Points
from jobsapp.core.progress import percentage
from jobsapp.processors.sdk import JSON, LEVELS, Cancelled, InputFile, ParentJob, Passage, Permanent, TimedOut
from jobsapp.runtime.sealing import Sealing
from jobsapp.storage.local import Stored, remove, sha256_of
from jobsapp.store.jobs import ClaimedJob, LogLine, Pulse
from jobsapp.store.passages import Writer

LINE_LENGTH = 10_000
NOTHING_SAID: tuple[float | None, float | None, str | None] = (None, None, None)


class LeaseLost(BaseException):
    """The job was given to another worker: stop, and write nothing."""


@dataclass(frozen=True)
class MadeFile:
    """An artifact that is whole: its bytes at `path`, not yet in storage."""

    path: Path
    name: str
    media_type: str
    stored: Stored


@dataclass
class ArtifactInTheMaking:
    path: Path


class JobContext:
    """Implements `processors.sdk.Context` for one attempt. Used by the processor's thread and the pulse's."""

    def __init__(
        self,
        job: ClaimedJob,
        *,
        make_workdir: Callable[[], Path],
        make_keepdir: Callable[[], Path],
        find_file: Callable[[UUID], InputFile | None],
        threads: int,
        find_parents: Callable[[], list[ParentJob]] = list,
        passages: Writer | None = None,
        deadline: float | None = None,
        grace: float = math.inf,
    ) -> None:
        """`deadline`: by `time.monotonic()`. `grace`: seconds that the processor has to stop once it was told to."""
        self.job_id = job.id
        self.queue = job.queue
        self.attempt = job.attempt
        self.user_id = job.user_id
        self.organization_id = job.organization_id
        self.threads = threads
        self.last_checkpoint: JSON = job.checkpoint
        self.cancelled = False
        self.lost = False
        self.timed_out = False
        self.deadline = deadline
        self.grace = grace
        self.undisturbed = 0
        """More than 0: the processor's thread does work of the house, which nothing may interrupt."""
        self.sealing: Sealing | None = None
        """Set for a job with secrets: nothing that its processor says is kept with one in it."""
        self.made: list[MadeFile] = []
        self._make_workdir = make_workdir
        self._make_keepdir = make_keepdir
        self._find_file = find_file
        self._find_parents = find_parents
        self._parents: list[ParentJob] | None = None
        self._passages = passages
        self._workdir: Path | None = None
        self._keepdir: Path | None = None
        self._progress = self._written = NOTHING_SAID
        self._lines: list[LogLine] = []
        self._points: Points | None = None
        self._measured: list[Point] = []
        self._checkpoint: JSON = None
        self._lock = threading.Lock()

    @property
    def workdir(self) -> Path:
        if self._workdir is None:
            with self._undisturbed():
                self._workdir = self._make_workdir()
        return self._workdir

    @property
    def keepdir(self) -> Path:
        if self._keepdir is None:
            self._keepdir = self._make_keepdir()
        return self._keepdir

    @property
    def may_have_kept(self) -> bool:
        """Whether this attempt, or one before it, may have left something in `keepdir`."""
        return self._keepdir is not None or self.last_checkpoint is not None

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        self._progress = (current, total, self._progress[2] if message is None else message)

    def check_cancelled(self) -> None:
        if self.lost:
            raise LeaseLost
        if self.cancelled:
            raise Cancelled
        if self.timed_out:
            raise TimedOut

    def log(self, message: str, level: str = "info") -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(sorted(LEVELS))}, not {level!r}")
        line = LogLine(datetime.now(UTC), level, self._masked(_text(str(message)))[:LINE_LENGTH])
        with self._lock:
            self._lines.append(line)

    def metric(self, key: str, value: float, step: float | None = None) -> None:
        with self._lock:
            if self._points is None:
                self._points = Points()
            point = self._points.add(self._masked(key), value, step)
            if point is not None:
                self._measured.append(point)

    def file(self, file_id: UUID) -> InputFile:
        with self._undisturbed():
            found = self._find_file(file_id)
        if found is None:
            raise Permanent(f"The input file {file_id} is not there any more.")
        return found

    def parents(self) -> list[ParentJob]:
        if self._parents is None:
            with self._undisturbed():
                self._parents = self._find_parents()
        return list(self._parents)

    @contextmanager
    def artifact(self, name: str, media_type: str | None = None) -> Iterator[ArtifactInTheMaking]:
        with tempfile.NamedTemporaryFile(dir=self.workdir, suffix=".part", delete=False) as file:
            path = Path(file.name)
        try:
            yield ArtifactInTheMaking(path)
            stored = sha256_of(path)
        except BaseException:
            remove(path)
            raise
        name = display_name(self._masked(name))
        self.made.append(MadeFile(path, name, media_type or media_type_of(name), stored))

    def make_searchable(self, passages: Sequence[Passage], model: str = "") -> None:
        if self._passages is None:
            raise RuntimeError("This context has no search.")
        clean = [
            replace(
                one,
                text=self._masked(_text(one.text)),
                document=self._masked(_text(one.document)),
                heading=self._masked(_text(one.heading)),
            )
            for one in passages
        ]
        with self._undisturbed():
            kept = self._passages.keep(clean, model)
        if not kept:
            raise LeaseLost

    def checkpoint(self, state: JSON) -> None:
        json.dumps(state, allow_nan=False)
        if self.sealing is not None:
            state = self.sealing.checkpoint(state)
        with self._lock:
            self._checkpoint = state

    def take(self) -> Pulse:
        """What has to be written since the last call. Percentages never go back: such a step keeps the old numbers."""
        with self._lock:
            lines, self._lines = tuple(self._lines), []
            checkpoint, self._checkpoint = self._checkpoint, None
        if self._progress is self._written and not lines and checkpoint is None:
            return Pulse(*self._written, changed=False)
        shown = self._clean(*self._progress)
        changed = shown != self._written
        self._written = shown
        return Pulse(*shown, changed=changed or bool(lines), lines=lines, checkpoint=checkpoint)

    def take_points(self) -> list[Point]:
        """What was measured since the last call."""
        if not self._measured:
            return []
        with self._lock:
            points, self._measured = self._measured, []
        return points

    def untake_points(self, points: list[Point]) -> None:
        """Points could not be written: they go with the next ones."""
        with self._lock:
            self._measured[:0] = points

    def untake(self, pulse: Pulse) -> None:
        """A pulse could not be written: its lines and checkpoint go with the next one."""
        with self._lock:
            self._lines[:0] = pulse.lines
            if self._checkpoint is None:
                self._checkpoint = pulse.checkpoint
        self._written = NOTHING_SAID

    def close(self) -> None:
        """Remove what the attempt left behind."""
        if self._workdir is not None:
            remove(self._workdir)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        # Other threads are never interrupted.
        mine = int(threading.current_thread() is threading.main_thread())
        self.undisturbed += mine
        try:
            yield
        finally:
            self.undisturbed -= mine

    def _clean(
        self, current: float | None, total: float | None, message: str | None
    ) -> tuple[float | None, float | None, str | None]:
        current, total = _finite(current), _finite(total)
        before, now = percentage(self._written[0], self._written[1]), percentage(current, total)
        if before is not None and (now is None or now < before):
            current, total = self._written[0], self._written[1]
        return current, total, None if message is None else self._masked(_text(str(message)))

    def _masked(self, text: str) -> str:
        return text if self.sealing is None else self.sealing.mask.text(text)


def _finite(number: Any) -> float | None:
    try:
        value = float(number)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _text(text: str) -> str:
    """PostgreSQL takes neither NUL nor lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
