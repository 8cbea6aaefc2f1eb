"""What a running job is given: the house as a processor sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None

LEVELS = frozenset({"debug", "info", "warning", "error"})
"""Levels of a log line."""


@dataclass(frozen=True)
class InputFile:
    """A stored file, readable at `path` for as long as the processor runs.

    `size` in bytes; `sha256` in hexadecimal.
    """

    id: UUID
    name: str
    path: Path
    size: int
    media_type: str
    sha256: str


@dataclass(frozen=True)
class Passage:
    """A piece of text that the search of the organisation shall find.

    `document`: the name of what it comes from. `file_id`: the stored file. `heading`: the headings above it. Pages are
    from 1. `start` and `end`: where it stands in the document's text, in characters. `vector`: what it is about, of
    length one; None: it is found by its words only.
    """

    text: str
    document: str
    file_id: UUID | None = None
    heading: str = ""
    page_from: int | None = None
    page_to: int | None = None
    start: int = 0
    end: int = 0
    vector: Sequence[float] | None = None


@dataclass(frozen=True)
class ParentJob:
    """A job that this one depends on, as it ended. `artifacts`: the ids of the files that it made, by their names."""

    id: UUID
    name: str
    type: str
    status: str
    result: JSON
    artifacts: Mapping[str, UUID] = field(default_factory=dict)


@runtime_checkable
class Artifact(Protocol):
    """A file in the making: write to `path`. It becomes visible only when the job completes."""

    path: Path


class Context(Protocol):
    """What a running job may ask of the house. Nothing here blocks, but `file`, `parents` and `artifact`."""

    job_id: UUID
    attempt: int
    """1 for the first attempt."""
    user_id: UUID | None
    organization_id: UUID
    threads: int
    """How many threads a library may use."""
    cancelled: bool
    """True once cancelling was asked."""
    last_checkpoint: JSON
    """What the previous attempt gave to `checkpoint`, or None."""

    @property
    def workdir(self) -> Path:
        """A private folder on the storage's file system, removed when the attempt ends."""

    @property
    def keepdir(self) -> Path:
        """A folder of the job on the storage's file system: the next attempt finds it as this one left it.

        It goes when the job is over. It may be empty though there is a checkpoint (another machine, or swept), and
        an attempt that was given up may still be writing in it. So name files by attempt, trust only what the
        checkpoint names, with its size, and have it on disk (fsync) before the checkpoint names it.
        """

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the work is. Stores three values and returns at once, so call it as often as you like.

        `total` None: not known, the bar is indeterminate. A `message` of None keeps the last one.
        """

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if cancelling was asked, `TimedOut` if the time is over. Call it between units of work."""

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the job's log. `level`: debug, info, warning or error."""

    def metric(self, key: str, value: float, step: float | None = None) -> None:
        """Measure something: a point of the series `key`, drawn as a chart on the job's page while it runs.

        Keys that agree up to a "/" share a chart: "loss/train" and "loss/validation". `step` None: points are numbered
        from 0. Call it as often as you like: of a long series only so many points are kept as can be drawn. Values
        that are not finite are left out. Raises ValueError for more than 50 keys, or one of over 100 characters.
        """

    def file(self, file_id: UUID) -> InputFile:
        """A stored file of the job's organisation. Raises `Permanent` if there is none with that id."""

    def parents(self) -> Sequence[ParentJob]:
        """The jobs that this one depends on, in the order of their ids, with their results: the first 1,000.

        Read when it is first called, and kept. `file` opens their artifacts. Deleted ones are not among them.
        """

    def artifact(self, name: str, media_type: str | None = None) -> AbstractContextManager[Artifact]:
        """A context manager that yields an `Artifact`; leaving it without an error keeps the file.

        `name` is for people only, never a path. `media_type` None: told from the name.
        """

    def make_searchable(self, passages: Sequence[Passage], model: str = "") -> None:
        """Keep passages for the search, some hundreds at once; they are found when the job completes.

        `model`: the name of the one that made their vectors. An attempt has to give all of its job's passages: those
        of the attempts before are dropped with its first.
        """

    def checkpoint(self, state: JSON) -> None:
        """Remember `state` (JSON); the next attempt finds it in `last_checkpoint`."""
