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
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from jobsapp.processors.context import JSON, LEVELS, Artifact, Context, InputFile, ParentJob, Passage
from jobsapp.processors.endings import Cancelled, Permanent, Retry, TimedOut
from jobsapp.processors.schedules import Cron, Every

__all__ = [
    "JSON",
    "LEVELS",
    "LONGEST_SECONDS",
    "Artifact",
    "Cancelled",
    "Context",
    "FileId",
    "FollowUp",
    "Input",
    "InputFile",
    "ParentJob",
    "Passage",
    "Permanent",
    "Preset",
    "Processor",
    "Retry",
    "RetryPolicy",
    "TimedOut",
]

FileId = Annotated[UUID, WithJsonSchema({"type": "string", "format": "file-id"})]
"""The id of a stored file. In a form it becomes an upload field; `Field(json_schema_extra={"accept": ".csv,.tsv"})`
narrows what the browser offers."""


LONGEST_SECONDS = 10 * 365 * 86_400.0
"""No timeout and no grace is longer."""


class Input(BaseModel):
    """Base of input models: camelCase on the wire, snake_case accepted, unknown fields refused by name.

    A validator of the whole model raises `ValueError("field: what is wrong")`, and the fault is shown at that field.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )


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
