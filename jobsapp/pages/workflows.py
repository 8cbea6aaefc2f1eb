"""Workflows: the list, one with its versions and its start, and the editor."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.workflows import read
from jobsapp.core.workflows.text import TEXT_BYTES
from jobsapp.errors import Conflict, FieldError, InvalidInput
from jobsapp.pages.forms.asked import AskedForm
from jobsapp.pages.forms.fields import Field
from jobsapp.pages.graph import graph_of
from jobsapp.pages.guard import signed_in
from jobsapp.pages.new_job import store_uploads, stored_files
from jobsapp.services.jobs import NAME_LENGTH
from jobsapp.services.workflow_views import WorkflowWholeView

EXAMPLE = """# Each step is a job. What it needs comes before it.
input:
  source: {type: file, title: Table}
steps:
  convert:
    type: data-conversion
    input:
      source: ${{ input.source }}
      targetFormat: parquet
"""

NAME = Field(
    "name", "name", "text", "Name", "What lists call the run. Empty: as the workflow says.", max_length=NAME_LENGTH
)

blueprint = Blueprint("workflows", __name__, url_prefix="/workflows")
blueprint.before_request(signed_in)


@blueprint.get("")
def index() -> ResponseReturnValue:
    found = services().workflows.all(get_actor(), after=request.args.get("after", "")[:100])
    activity = services().workflow_runs.activity(get_actor(), [one.name for one in found])
    return render_template("workflows/index.html", workflows=found, activity=activity)


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    return _editor("", EXAMPLE, is_new=True)


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    return _save(request.form.get("name", "").strip(), is_new=True)


@blueprint.post("/check")
def check() -> ResponseReturnValue:
    """What is wrong with the text of the editor, and how it would look."""
    return render_template("workflows/checked.html", **_checked(_text()))


@blueprint.get("/<name>")
def show(name: str) -> ResponseReturnValue:
    return _page(_whole(name))


@blueprint.post("/<name>")
def start(name: str) -> ResponseReturnValue:
    whole = services().workflows.get(get_actor(), name)
    form = AskedForm.blank(whole.input_schema, "input")
    posted = store_uploads(form)
    try:
        called = request.form.get("name", "").strip() or None
        job = services().workflows.start(get_actor(), name, form.read(posted), name=called)
    except InvalidInput as error:
        form.refuse(error)
        return _page(whole, form), 422
    return redirect(url_for("jobs.show", job_id=job.id), 303)


@blueprint.get("/<name>/edit")
def edit(name: str) -> ResponseReturnValue:
    return _editor(name, _whole(name).source)


@blueprint.post("/<name>/edit")
def save(name: str) -> ResponseReturnValue:
    return _save(name)


@blueprint.get("/<name>/delete")
def ask(name: str) -> ResponseReturnValue:
    return _delete_page(name)


@blueprint.post("/<name>/delete")
def delete(name: str) -> ResponseReturnValue:
    try:
        services().workflows.delete(get_actor(), name)
    except Conflict as error:
        return _delete_page(name, error.detail), 409
    flash(f"The workflow {name} was deleted.")
    return redirect(url_for("workflows.index"), 303)


def _delete_page(name: str, refused: str = "") -> str:
    workflow, schedules = services().workflows.get(get_actor(), name), services().workflows.schedules(get_actor(), name)
    return render_template("workflows/delete.html", workflow=workflow, schedules=schedules, refused=refused)


def _save(name: str, *, is_new: bool = False) -> ResponseReturnValue:
    text = _text()
    try:
        services().workflows.save(get_actor(), name, text)
    except InvalidInput as error:
        return _editor(name, text, error, is_new=is_new), 422
    return redirect(url_for("workflows.show", name=name), 303)


def _whole(name: str) -> WorkflowWholeView:
    return services().workflows.get(get_actor(), name, request.args.get("version", type=int))


def _page(whole: WorkflowWholeView, form: AskedForm | None = None) -> str:
    form = form or AskedForm.blank(whole.input_schema, "input")
    form.files = stored_files(form)
    form.texts.setdefault("name", request.form.get("name", ""))
    runs = services().workflow_runs.latest(get_actor(), whole.name)
    return render_template(
        "workflows/show.html",
        workflow=whole,
        form=form,
        name_field=NAME,
        graph=graph_of(read(whole.definition)),
        versions=services().workflows.versions(get_actor(), whole.name),
        runs=services().views.jobs(runs),
        max_upload_mb=services().settings.max_upload_mb,
    )


def _editor(name: str, text: str, error: InvalidInput | None = None, *, is_new: bool = False) -> str:
    faults = error.errors or (FieldError("", error.detail),) if error else ()
    wrong_name = next((one.message for one in faults if one.field == "name"), "")
    types = [one.name for one in services().registry if not one.processor.run_by_keeper]
    shown = {"text": text, "is_new": is_new, "wrong_name": wrong_name, "types": types}
    return render_template("workflows/edit.html", name=name, **shown, **_checked(text))


def _checked(text: str) -> dict[str, Any]:
    faults = services().workflows.check(text).faults
    graph = None if faults else graph_of(services().workflows.checked(text))
    return {"faults": faults, "graph": graph}


def _text() -> str:
    """With the line ends of everybody else."""
    return request.form.get("definition", "")[: TEXT_BYTES + 1].replace("\r\n", "\n")
