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
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable
from uuid import UUID

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None


FileId = Annotated[UUID, WithJsonSchema({"type": "string", "format": "file-id"})]
"""The id of a stored file. In a form it becomes an upload field; `Field(json_schema_extra={"accept": ".csv,.tsv"})`
narrows what the browser offers."""


LEVELS = frozenset({"debug", "info", "warning", "error"})
"""Levels of a log line."""


class Cancelled(BaseException):
    """Raised inside a processor when cancelling was asked. Let it pass; clean up in `finally`.

    It derives from BaseException so that a processor's `except Exception` cannot swallow it.
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


@runtime_checkable
class Artifact(Protocol):
    """A file in the making: write to `path`. It becomes visible only when the job completes."""

    path: Path


class Context(Protocol):
    """What a running job may ask of the house. Nothing here blocks, but `file` and `artifact`."""

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

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the work is. Stores three values and returns at once, so call it as often as you like.

        `total` None: not known, the bar is indeterminate. A `message` of None keeps the last one.
        """

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if cancelling was asked. Call it between units of work."""

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the job's log. `level`: debug, info, warning or error."""

    def file(self, file_id: UUID) -> InputFile:
        """A stored file of the job's organisation. Raises `Permanent` if there is none with that id."""

    def artifact(self, name: str, media_type: str | None = None) -> AbstractContextManager[Artifact]:
        """A context manager that yields an `Artifact`; leaving it without an error keeps the file.

        `name` is for people only, never a path. `media_type` None: told from the name.
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
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules it cannot do without."""
    extra: ClassVar[str] = ""
    """The extra that installs them: `pip install 'jobsapp[extra]'`."""

    Input: ClassVar[builtins.type[BaseModel]]

    @abstractmethod
    def run(self, data: Any, context: Context) -> JSON:
        """Do the work and return the result (JSON). Runs in a work-horse of its own, never in the web process.

        Raising fails the attempt; `Retry` and `Permanent` say what shall follow.
        """

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        """A name for people, used when the creator gives none. `files`: the names of the input files, in order."""
        return f"{cls.title}: {files[0]}" if files else cls.title
