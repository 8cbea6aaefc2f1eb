"""A run of a workflow on its job's page: the live graph, answers, and to go on with other input."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.rights import Right
from jobsapp.core.workflows import Definition
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.pages.forms.asked import AskedForm
from jobsapp.pages.graph import graph_of
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.new_job import store_uploads, stored_files
from jobsapp.services.views import JobView
from jobsapp.services.workflow_run_views import WorkflowRunView
from jobsapp.services.workflows import TYPE

blueprint = Blueprint("workflow_runs", __name__, url_prefix="/jobs/<uuid:job_id>")
blueprint.before_request(signed_in)


@blueprint.get("/steps")
def steps(job_id: UUID) -> ResponseReturnValue:
    """The part of the job's page that shows the run, as it is now."""
    return render_template(
        "workflows/run.html", **run_of(services().views.job(services().jobs.get(get_actor(), job_id)))
    )


@blueprint.get("/steps/<key>/answer")
def ask(job_id: UUID, key: str) -> ResponseReturnValue:
    """The form of a step on a page of its own."""
    run, form = _asked(job_id, key)
    return _answer_page(run, key, form)


@blueprint.post("/steps/<key>/answer")
def answer(job_id: UUID, key: str) -> ResponseReturnValue:
    small()
    get_actor().require(Right.CREATE, "answer workflows")
    run, form = _asked(job_id, key)
    approved, comment = "reject" not in request.form, request.form.get("comment", "")
    try:
        fields = form.read(request.form) if approved else {}
        services().workflow_runs.answer(get_actor(), job_id, key, approved=approved, fields=fields, comment=comment)
    except InvalidInput as error:
        form.refuse(error)
        return _answer_page(run, key, form, comment), 422
    return redirect(url_for("jobs.show", job_id=job_id), 303)


@blueprint.post("/events")
def signal(job_id: UUID) -> ResponseReturnValue:
    """That what a step waits for has happened, said by a person."""
    small()
    event, text = request.form.get("event", ""), request.form.get("payload", "").strip()
    try:
        services().workflow_runs.signal(get_actor(), job_id, event, _payload(text))
        flash(f"The event {event} was sent.")
    except InvalidInput as error:
        flash(f"The event was not sent. {error.detail}")
    return redirect(url_for("jobs.show", job_id=job_id), 303)


@blueprint.get("/resume")
def change(job_id: UUID) -> ResponseReturnValue:
    run, schema = _resumed(job_id)
    return _resume_page(run, _resume_form(run, schema))


@blueprint.post("/resume")
def resume(job_id: UUID) -> ResponseReturnValue:
    get_actor().require(Right.CREATE, "resume workflows")
    run, schema = _resumed(job_id)
    form = _resume_form(run, schema)
    try:
        services().workflow_runs.resume(get_actor(), job_id, form.read(store_uploads(form)))
    except InvalidInput as error:
        form.refuse(error)
        return _resume_page(run, form), 422
    return redirect(url_for("jobs.show", job_id=job_id), 303)


def workflow_part(job: JobView) -> dict[str, Any]:
    """What the page of any job shows of workflows: the run that it is, and the one whose step it is."""
    of = services().workflow_runs.of_step(get_actor(), job.id)
    return {"step_of": of, **(run_of(job) if job.type == TYPE else {"job": job})}


def run_of(job: JobView) -> dict[str, Any]:
    """What `workflows/run.html` shows of a job; `run` None: it has not begun. `saved`: whether its version is there."""
    run = services().workflow_runs.find(get_actor(), job.id)
    if run is None:
        return {"job": job, "run": None}
    definition = services().workflow_runs.definition(get_actor(), job.id)
    saved = services().workflows.has(get_actor(), run.workflow, run.version)
    graph, events = graph_of(definition, run), _events(definition)
    return {"job": job, "run": run, "graph": graph, "events": events, "saved": saved}


def _payload(text: str) -> Any:
    """Raises InvalidInput."""
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"Its data is no JSON, from line {error.lineno}, column {error.colno} on.") from None
    except (ValueError, RecursionError):
        raise InvalidInput("Its data has too long a number, or too many lists in one another.") from None


def _events(definition: Definition) -> dict[str, str]:
    """By the steps that wait for one."""
    waits = {key: step.wait_for for key, step in definition.steps.items()}
    return {key: wait.event for key, wait in waits.items() if wait and wait.event}


def _asked(job_id: UUID, key: str) -> tuple[WorkflowRunView, AskedForm]:
    run = services().workflow_runs.steps(get_actor(), job_id)
    step = next((one for one in run.steps if one.key == key), None)
    if step is None or step.approval is None:
        raise NotFound(f"The step {key!r} does not wait for an answer now.")
    return run, AskedForm.blank(step.approval.form, "fields")


def _answer_page(run: WorkflowRunView, key: str, form: AskedForm, comment: str = "") -> str:
    step = next(one for one in run.steps if one.key == key)
    return render_template("workflows/answer.html", run=run, step=step, form=form, comment=comment)


def _resumed(job_id: UUID) -> tuple[WorkflowRunView, dict[str, Any]]:
    run = services().workflow_runs.steps(get_actor(), job_id)
    return run, services().workflow_runs.input_schema(get_actor(), job_id)


def _resume_form(run: WorkflowRunView, schema: dict[str, Any]) -> AskedForm:
    form = AskedForm.blank(schema, "input", run.input)
    form.secrets_of = run.job_id
    return form


def _resume_page(run: WorkflowRunView, form: AskedForm) -> str:
    form.files = stored_files(form)
    limit = services().settings.max_upload_mb
    return render_template("workflows/resume.html", run=run, form=form, max_upload_mb=limit)
