"""Workflows: keep and check definitions, start them, and see and answer their runs."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, url_for
from pydantic import BaseModel, ConfigDict, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Flag, IdPath, Number, Query, Text, When, Whole
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.core.workflows.fields import KEY
from jobsapp.core.workflows.text import TEXT_BYTES, written
from jobsapp.services.base import View
from jobsapp.services.jobs import DESCRIPTION_LENGTH, LONGEST_SECONDS, NAME_LENGTH, PRIORITY_BOUND
from jobsapp.services.views import JobView
from jobsapp.services.workflow_run_views import WorkflowRunView
from jobsapp.services.workflow_runs import COMMENT_LENGTH
from jobsapp.services.workflow_views import WorkflowCheckView, WorkflowView, WorkflowWholeView

blueprint = area("workflows", "Workflows: steps that are jobs, with conditions, loops, waits and approvals.")

Name = Annotated[Text, Field(max_length=100)]
Given = dict[str, Any] | Annotated[Text, Field(max_length=TEXT_BYTES)]


class WorkflowList(View):
    workflows: list[WorkflowView]
    """The newest version of each, by name, and those that are declared in code; up to 200."""


class WorkflowVersionList(View):
    versions: list[WorkflowView]
    """The newest first, up to 100."""


class WorkflowsQuery(Query):
    after: Text = Field("", max_length=100)
    """Only those whose name comes after this one."""


class WorkflowQuery(Query):
    version: int | None = Field(None, ge=1, le=2**31 - 1)
    """Empty: the newest."""


class WorkflowPath(BaseModel):
    name: Name


class StepPath(IdPath):
    key: Text = Field(max_length=50)


class WorkflowBody(Body):
    definition: Given
    """As JSON, or as a text in YAML or JSON."""


class WorkflowRunBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    input: dict[str, Any] = Field(default_factory=dict)
    """What the workflow asks for: its `inputSchema`."""
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    priority: Whole = Field(0, ge=-PRIORITY_BOUND, le=PRIORITY_BOUND)
    run_at: When | None = None
    timeout_seconds: Number | None = Field(None, gt=0, le=LONGEST_SECONDS)
    """How long the whole run may take."""


class WorkflowEventBody(Body):
    event: Text = Field(pattern=KEY)
    """The name that a step waits for."""
    payload: Any = None
    """Becomes the result of that step."""


class WorkflowAnswerBody(Body):
    approved: Flag
    fields: dict[str, Any] = Field(default_factory=dict)
    """What the step's form asks for; of no account when it is rejected."""
    comment: Text = Field("", max_length=COMMENT_LENGTH)


class WorkflowResumeBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    input: dict[str, Any] | None = None
    """What of the input is different now; what is left out stays as it was."""


@blueprint.get("/workflows", operation_id="listWorkflows", responses={200: WorkflowList})
def index(query: WorkflowsQuery) -> Response:
    """The workflows of the organisation, by name."""
    return answer(WorkflowList(workflows=services().workflows.all(get_actor(), after=query.after)))


@blueprint.post(
    "/workflows/check", operation_id="checkWorkflow", responses={200: WorkflowCheckView, **told(400, 413, 415)}
)
def check(body: WorkflowBody) -> Response:
    """What is wrong with a definition, each fault by its path. Keeps nothing."""
    return answer(services().workflows.check(body.definition))


@blueprint.get("/workflows/<name>", operation_id="getWorkflow", responses={200: WorkflowWholeView, **told(404)})
def show(path: WorkflowPath, query: WorkflowQuery) -> Response:
    """A workflow with its definition."""
    return answer(services().workflows.get(get_actor(), path.name, query.version))


@blueprint.put(
    "/workflows/<name>", operation_id="saveWorkflow", responses={200: WorkflowWholeView, **told(400, 409, 413, 415)}
)
def save(path: WorkflowPath, body: WorkflowBody) -> Response:
    """Keep a definition as the newest version of its name. The same again makes no new version."""
    return answer(services().workflows.save(get_actor(), path.name, as_text(body.definition), prefix="definition"))


@blueprint.delete("/workflows/<name>", operation_id="deleteWorkflow", responses={204: None, **told(404, 409)})
def delete(path: WorkflowPath) -> Response:
    """Delete a workflow with all its versions. Its runs stay, and those that have begun go on.

    Refused while a schedule starts it. Runs that have not begun fail. Workflows of others: operators and administrators
    only.
    """
    services().workflows.delete(get_actor(), path.name)
    return Response(status=204)


@blueprint.get(
    "/workflows/<name>/versions", operation_id="listWorkflowVersions", responses={200: WorkflowVersionList, **told(404)}
)
def versions(path: WorkflowPath) -> Response:
    """The versions that were saved."""
    return answer(WorkflowVersionList(versions=services().workflows.versions(get_actor(), path.name)))


@blueprint.post(
    "/workflows/<name>/runs", operation_id="runWorkflow", responses={201: JobView, **told(400, 404, 413, 415)}
)
def run(path: WorkflowPath, body: WorkflowRunBody) -> Response:
    """Start the newest version; answers with the job that is the run."""
    said = {name: getattr(body, name) for name in WorkflowRunBody.model_fields if name != "input"}
    job = services().workflows.start(get_actor(), path.name, body.input, **said)
    view = services().views.job(job).seen_by(get_actor())
    return answer(view, 201, location=url_for("api_jobs.show", id=job.id))


@blueprint.get("/jobs/<uuid:id>/steps", operation_id="getWorkflowSteps", responses={200: WorkflowRunView, **told(404)})
def steps(path: IdPath) -> Response:
    """How far a run is: each step with its state, its job and what it waits for."""
    return answer(services().workflow_runs.steps(get_actor(), path.id))


@blueprint.post(
    "/jobs/<uuid:id>/events",
    operation_id="signalWorkflow",
    responses={200: WorkflowRunView, **told(400, 404, 409, 413, 415)},
)
def signal(path: IdPath, body: WorkflowEventBody) -> Response:
    """Tell a run of an event. One that comes before a step waits for it is kept."""
    return answer(services().workflow_runs.signal(get_actor(), path.id, body.event, body.payload))


@blueprint.post(
    "/jobs/<uuid:id>/steps/<key>/answer",
    operation_id="answerWorkflowStep",
    responses={200: WorkflowRunView, **told(400, 404, 409, 413, 415)},
)
def answer_step(path: StepPath, body: WorkflowAnswerBody) -> Response:
    """Approve or reject what a step asks."""
    found = services().workflow_runs.answer(
        get_actor(), path.id, path.key, approved=body.approved, fields=body.fields, comment=body.comment
    )
    return answer(found)


@blueprint.post(
    "/jobs/<uuid:id>/resume", operation_id="resumeWorkflow", responses={200: JobView, **told(400, 404, 409, 413, 415)}
)
def resume(path: IdPath, body: WorkflowResumeBody) -> Response:
    """Have a failed or cancelled run go on from the step that failed: what completed is kept."""
    job = services().workflow_runs.resume(get_actor(), path.id, body.input)
    return answer(services().views.job(job).seen_by(get_actor()))


def as_text(definition: dict[str, Any] | str) -> str:
    """A definition as it is kept."""
    return definition if isinstance(definition, str) else written(definition)
