"""What a processor is and what it is given: everything the author of a job type imports.

    from jobsapp.processors.sdk import Context, Input, Processor

    class Greet(Processor):
        type = "greet"
        title = "Greeting"

        class Input(Input):
            name: str

        def run(self, data, context):
            context.progress(1, 1, "Greeted")
            return {"text": f"Hello {data.name}"}

Put it into one file under `jobsapp/processors/` and nothing else needs editing.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable
from uuid import UUID

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from jobsapp.processors.schedules import Cron, Every

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None


FileId = Annotated[UUID, WithJsonSchema({"type": "string", "format": "file-id"})]
"""The id of a stored file. In a form it becomes an upload field; `Field(json_schema_extra={"accept": ".csv,.tsv"})`
narrows what the browser offers."""


LONGEST_SECONDS = 10 * 365 * 86_400.0
"""No timeout and no grace is longer."""


LEVELS = frozenset({"debug", "info", "warning", "error"})
"""Levels of a log line."""


class Cancelled(BaseException):
    """Raised inside a processor when cancelling was asked. Let it pass; clean up in `finally`.

    It derives from BaseException so that a processor's `except Exception` cannot swallow it.
    """


class TimedOut(BaseException):
    """Raised inside a processor, at any line, when its attempt took longer than its `timeout`.

    Let it pass; clean up in `finally`. The attempt has failed, whatever is returned afterwards.
    """


class Permanent(Exception):
    """Raise to fail for good: another attempt with the same input cannot help."""


class Retry(Exception):
    """Raise to fail this attempt and ask for another after `after` (seconds or a timedelta)."""

    def __init__(self, message: str = "", *, after: float | timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after if after is None or isinstance(after, timedelta) else timedelta(seconds=after)


class Input(BaseModel):
    """Base of input models: camelCase on the wire, snake_case accepted, unknown fields refused by name.

    A validator of the whole model raises `ValueError("field: what is wrong")`, and the fault is shown at that field.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )


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


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed attempt runs again: up to `first * factor ** (n - 1)` seconds after the n-th, at most `ceiling`.

    `attempts` is how many there may be in all; `jitter` is the share of the delay that is drawn at random, from 0 up:
    with 1 ("full jitter") jobs that failed together spread over the whole delay, with 0 each waits all of it.
    """

    attempts: int = 3
    first: float = 2.0
    factor: float = 2.0
    ceiling: float = 600.0
    jitter: float = 1.0

    def changed(self, own: Mapping[str, float] | None) -> RetryPolicy:
        """The policy with what a job says of itself: any of `first`, `factor`, `ceiling`, `jitter`."""
        return replace(self, **own) if own else self  # type: ignore[arg-type]


@dataclass(frozen=True)
class FollowUp:
    """What people do next with a file that a job made: a button on the job's page opens the form for it.

    `artifact`: the file's name. `field`: of the next job's input, which takes it. `type`: of the next job; empty: the
    same. `same`: the rest of the input as this job had it. `data`: more of the next job's input, as in its form.
    """

    artifact: str
    field: str
    label: str
    type: str = ""
    same: bool = False
    data: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Preset:
    """Values to begin the form with. `data` may leave fields out, files above all: the person fills them in.

    What it gives is checked against the type's `Input` when the application starts.
    """

    name: str
    description: str
    data: Mapping[str, Any]


class Processor(ABC):
    """A job type. Subclass it, name the type, give an input model and a `run`."""

    type: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str] = ""
    icon: ClassVar[str] = "gear"
    unit: ClassVar[Literal["items", "bytes"]] = "items"
    """What `progress` counts: bytes are shown as MB."""
    queue: ClassVar[str] = ""
    """The queue its jobs wait in; empty: one of its own, named like the type."""
    run_by_keeper: ClassVar[bool] = False
    """Its jobs are brought on by the keeper and need no worker; no worker takes them."""
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    timeout: ClassVar[float | None] = None
    """Seconds that one attempt may take, more than 0; None: as long as it likes. A job may have its own.

    Then `TimedOut` is raised in the thread that runs `run`; the attempt fails and is retried as any other.
    """
    cancel_grace: ClassVar[float | None] = None
    """Seconds that `run` has to end after a cancel or a timeout, to clean up; then its process is killed, and all
    processes that it started. None: the setting JOBSAPP_CANCEL_GRACE_SECONDS."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules it cannot do without."""
    extra: ClassVar[str] = ""
    """The extra that installs them: `pip install 'jobsapp[extra]'`."""
    follow_ups: ClassVar[tuple[FollowUp, ...]] = ()
    """What its files are of use for."""
    presets: ClassVar[tuple[Preset, ...]] = ()
    """What the form of a new job offers to begin with."""
    schedules: ClassVar[tuple[Cron | Every, ...]] = ()
    """When jobs are created by themselves, in the organisation that runs the installation."""

    Input: ClassVar[builtins.type[BaseModel]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.timeout is not None and not 0 < cls.timeout < LONGEST_SECONDS:
            raise ValueError(f"{cls.__name__}.timeout must be seconds, more than 0, or None; it is {cls.timeout!r}.")
        if cls.cancel_grace is not None and not 0 <= cls.cancel_grace < LONGEST_SECONDS:
            raise ValueError(f"{cls.__name__}.cancel_grace must be seconds or None; it is {cls.cancel_grace!r}.")

    @abstractmethod
    def run(self, data: Any, context: Context) -> JSON:
        """Do the work and return the result (JSON). Runs in a work-horse of its own, never in the web process.

        Raising fails the attempt; `Retry` and `Permanent` say what shall follow.
        """

    @classmethod  # noqa: B027 - most types have nothing to refuse.
    def check(cls, data: Any) -> None:
        """Refuse what the input model cannot know to be wrong, such as the name of a server that is not set up here.

        Called before a job is stored, in the process that creates it; `data` is the checked input. Raise
        `ValueError("field: what is wrong")`, or `"group.field: …"`. Be quick: one call may create 10,000 jobs.
        """

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        """A name for people, used when the creator gives none. `files`: the names of the input files, in order."""
        return f"{cls.title}: {files[0]}" if files else cls.title
