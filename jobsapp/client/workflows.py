"""Workflows: keeping, starting and answering them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from jobsapp.client.answers import Job
from jobsapp.client.base import Calls
from jobsapp.client.errors import NotFound
from jobsapp.client.requests import id_of
from jobsapp.client.retries import Repeat
from jobsapp.client.workflow_answers import (
    Check,
    Workflow,
    WorkflowList,
    WorkflowRun,
    WorkflowVersion,
    WorkflowVersions,
)


class WorkflowCalls(Calls):
    """Calls about workflows: `client.workflows`."""

    def list(self, *, after: str = "") -> tuple[WorkflowVersion, ...]:
        """The newest version of each, by name, and those that are declared in code: up to 200 after that name.

        Example:
            print([workflow.name for workflow in client.workflows.list()])
        """
        return self._ask(WorkflowList, "api/workflows", params={"after": after}).workflows

    def get(self, name: str, *, version: int | None = None) -> Workflow:
        """One with its definition; `version` None: the newest.

        Example:
            print(client.workflows.get("greet").source)
        """
        params = {} if version is None else {"version": str(version)}
        return self._ask(Workflow, _of(name), params=params)

    def versions(self, name: str) -> tuple[WorkflowVersion, ...]:
        """The newest first, up to 100.

        Example:
            print(len(client.workflows.versions("greet")))
        """
        return self._ask(WorkflowVersions, f"{_of(name)}/versions").versions

    def check(self, definition: Mapping[str, Any] | str) -> Check:
        """What is wrong with a definition, given as JSON or as a text in YAML.

        Example:
            print(client.workflows.check("steps: {a: {type: data-conversion}}").faults)
        """
        return self._tell(Check, "POST", "api/workflows/check", {"definition": definition}, repeat=Repeat.ALWAYS)

    def save(self, name: str, definition: Mapping[str, Any] | str) -> Workflow:
        """Keep a definition as the newest version; the same again makes none.

        Example:
            client.workflows.save("greet", "steps: {ask: {waitFor: {approval: {}}}, paid: {waitFor: {event: paid}}}")
        """
        return self._tell(Workflow, "PUT", _of(name), {"definition": definition}, repeat=Repeat.ALWAYS)

    def delete(self, name: str) -> None:
        """Delete it with all its versions; its runs stay. Raises NotFound, and Conflict while a schedule starts it.

        Example:
            client.workflows.delete("greet")
        """
        try:
            self._wire.send("DELETE", _of(name))
        except NotFound as error:
            if not error.repeated:
                raise

    def run(self, workflow: str, input: Mapping[str, Any] | None = None, /, **more: Any) -> Job:
        """Start the newest version. `more`: `name`, `description`, `priority`, `runAt`, `timeoutSeconds` of the job.

        Example:
            job = client.workflows.run("greet", name="Greet Ana")
        """
        body = {"input": dict(input or {}), **more}
        return self._tell(Job, "POST", f"{_of(workflow)}/runs", body, repeat=Repeat.UNDONE)

    def steps(self, job: Job | UUID | str) -> WorkflowRun:
        """How far a run is.

        Example:
            print({step.key: step.state for step in client.workflows.steps(job).steps})
        """
        return self._ask(WorkflowRun, f"api/jobs/{id_of(job)}/steps")

    def signal(self, job: Job | UUID | str, event: str, payload: Any = None) -> WorkflowRun:
        """Tell a run of an event that a step waits for, or will.

        Example:
            client.workflows.signal(job, "paid", {"amount": 12})
        """
        return self._tell(
            WorkflowRun,
            "POST",
            f"api/jobs/{id_of(job)}/events",
            {"event": event, "payload": payload},
            repeat=Repeat.UNDONE,
        )

    def answer(
        self,
        job: Job | UUID | str,
        step: str,
        *,
        approved: bool,
        fields: Mapping[str, Any] | None = None,
        comment: str = "",
    ) -> WorkflowRun:
        """Approve or reject what a step asks.

        Example:
            client.workflows.answer(job, "ask", approved=False, comment="too dear")
        """
        said = {"approved": approved, "fields": dict(fields or {}), "comment": comment}
        address = f"api/jobs/{id_of(job)}/steps/{quote(step, safe='')}/answer"
        return self._tell(WorkflowRun, "POST", address, said, repeat=Repeat.UNDONE)

    def resume(self, job: Job | UUID | str, input: Mapping[str, Any] | None = None) -> Job:
        """Have a failed or cancelled run go on; `input`: what of it is different now.

        Example:
            client.workflows.resume(job)
        """
        body = {} if input is None else {"input": dict(input)}
        return self._tell(Job, "POST", f"api/jobs/{id_of(job)}/resume", body, repeat=Repeat.UNDONE)


def _of(name: str) -> str:
    return f"api/workflows/{quote(name, safe='')}"
