"""Workflows: a job that makes other jobs, in their order, and waits for them without a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from jobsapp.core.workflows import read
from jobsapp.errors import InvalidInput
from jobsapp.processors.sdk import JSON, Context, Input, Permanent, Processor, RetryPolicy

__all__ = ["WorkflowExecution"]


class WorkflowInput(Input):
    """Which workflow, and what with. One that is saved is named; any other is given whole."""

    workflow: str | None = Field(
        None,
        title="Workflow",
        max_length=100,
        description="The name of one that is saved.",
        examples=["clean-and-train"],
    )
    version: int | None = Field(None, title="Version", ge=1, description="Empty: the newest when it starts.")
    definition: dict[str, Any] | None = Field(
        None, title="Definition", description="A whole workflow, for one that is not saved."
    )
    input: dict[str, Any] = Field(default_factory=dict, title="Input", description="What the workflow asks for.")
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        title="Secrets",
        description="Of what it asks for, the fields of the type secret. Kept sealed, and shown to nobody.",
    )

    _called: str = PrivateAttr("")
    _named_files: tuple[tuple[str, UUID], ...] = PrivateAttr(())

    @property
    def called(self) -> str:
        """What the run is called for what it is given; empty: nobody looked."""
        return self._called

    def call(self, name: str) -> None:
        self._called = name

    @property
    def named_files(self) -> tuple[tuple[str, UUID], ...]:
        """Fields of the workflow's input that name stored files, as `input.table`, with the ids."""
        return self._named_files

    def name_files(self, files: tuple[tuple[str, UUID], ...]) -> None:
        self._named_files = files

    @model_validator(mode="after")
    def _one(self) -> WorkflowInput:
        if (self.workflow is None) == (self.definition is None):
            raise ValueError("workflow: name one that is saved, or give a definition.")
        if self.version is not None and self.workflow is None:
            raise ValueError("version: is of a saved workflow; name it.")
        return self


class WorkflowExecution(Processor):
    """Runs the steps of a workflow, each as a job of its own."""

    type = "workflow-execution"
    title = "Workflow"
    description = "Run steps in their order, each as a job of its own, with conditions, loops, waits and approvals."
    icon = "flow"
    retry = RetryPolicy(attempts=1)
    run_by_keeper = True
    Input = WorkflowInput

    def run(self, data: Any, context: Context) -> JSON:
        raise Permanent("Workflows are run by the keeper, not by a worker.")

    @classmethod
    def check(cls, data: Any) -> None:
        if data.definition is not None:
            try:
                read(data.definition)
            except InvalidInput as error:
                first = error.errors[0]
                raise ValueError(f"definition.{first.field}: {first.message}") from None

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        given = data.definition or {}
        return str(data.called or data.workflow or given.get("title") or given.get("name") or cls.title)
