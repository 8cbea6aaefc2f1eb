"""What the server answers about workflows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from jobsapp.client.answers import Answer, Progress

StepState = Literal["pending", "waiting", "running", "completed", "failed", "cancelled", "skipped", "undone"]


class WorkflowVersion(Answer, frozen=True, kw_only=True):
    """A version of a workflow. `version` None: it is declared in code."""

    name: str
    version: int | None
    title: str = ""
    description: str = ""
    steps: int = 0
    created_at: datetime | None = None
    created_by: str | None = None


class Workflow(WorkflowVersion, frozen=True, kw_only=True):
    """A whole workflow. `input_schema`: the JSON Schema of what a run needs.

    `changeable`: whether the caller may save another version, and delete it.
    """

    definition: dict[str, Any]
    source: str
    input_schema: dict[str, Any]
    changeable: bool = False


class WorkflowList(Answer, frozen=True, kw_only=True):
    workflows: tuple[WorkflowVersion, ...]


class WorkflowVersions(Answer, frozen=True, kw_only=True):
    versions: tuple[WorkflowVersion, ...]


class WorkflowFault(Answer, frozen=True, kw_only=True):
    """What is wrong with a definition, and where: `steps.convert.input.source`."""

    field: str
    message: str


class Check(Answer, frozen=True, kw_only=True):
    faults: tuple[WorkflowFault, ...]


class StepError(Answer, frozen=True, kw_only=True):
    type: str | None = None
    message: str | None = None


class StepItem(Answer, frozen=True, kw_only=True):
    """An item of a step that loops. `item` -1: the step itself."""

    item: int
    state: StepState
    job_id: UUID | None = None
    progress: Progress | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    error: StepError | None = None


class Approval(Answer, frozen=True, kw_only=True):
    """What a person is asked. `form`: the JSON Schema of what to fill in."""

    title: str
    description: str = ""
    role: str = "member"
    form: dict[str, Any]


class Step(StepItem, frozen=True, kw_only=True):
    """A step of a run."""

    key: str
    title: str
    kind: str
    type: str | None = None
    needs: tuple[str, ...] = ()
    result: Any = None
    wake_at: datetime | None = None
    waits_for: str | None = None
    approval: Approval | None = None
    answerable: bool = False
    items: tuple[StepItem, ...] = ()
    items_total: int | None = None
    undo: StepItem | None = None


class WorkflowRun(Answer, frozen=True, kw_only=True):
    """How far a run is."""

    job_id: UUID
    workflow: str
    version: int | None = None
    running: bool
    stopping: str | None = None
    input: dict[str, Any]
    steps: tuple[Step, ...]
