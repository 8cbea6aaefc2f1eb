"""Making a batch: choose the type of its jobs, then their files."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.rights import Right
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.pages.forms.batch import MOST_FILES, BatchForm, file_field
from jobsapp.pages.guard import signed_in
from jobsapp.pages.new_job import store_uploads, stored_files, type_of
from jobsapp.processors.registry import JobType

blueprint = Blueprint("new_batch", __name__, url_prefix="/batches/new")


@blueprint.before_request
def many() -> None:
    """Whoever chooses too many is told so, and not that the form is too large. Before anything reads the form."""
    request.max_form_parts = 4 * MOST_FILES


blueprint.before_request(signed_in)


@blueprint.before_request
def may_create() -> None:
    get_actor().require(Right.CREATE, "create batches")


@blueprint.get("")
def choose() -> ResponseReturnValue:
    types = [one for one in services().registry if file_field(one)]
    return render_template("batches/choose.html", types=types)


@blueprint.get("/<type_name>")
def form(type_name: str) -> ResponseReturnValue:
    return _page(BatchForm.blank(_of_files(type_name)))


@blueprint.post("/<type_name>")
def create(type_name: str) -> ResponseReturnValue:
    job_type = _of_files(type_name)
    posted = store_uploads(BatchForm.blank(job_type))
    form = BatchForm.posted(job_type, posted)
    try:
        new, jobs = form.new_batch(posted)
        made = services().batches.create(get_actor(), new, jobs)
    except InvalidInput as error:
        form.refuse_jobs(error, {key: file.name for key, file in stored_files(form).items()})
        return _page(form, 422)
    address = url_for("batches.show", batch_id=made.id)
    return ("", 204, {"HX-Redirect": address}) if request.headers.get("HX-Request") else redirect(address, 303)


def _of_files(name: str) -> JobType:
    """Raises NotFound, also for a type that takes no file."""
    job_type = type_of(name)
    if file_field(job_type) is None:
        raise NotFound(f"Jobs of the type {name!r} take no file, so there is nothing to make many of here.")
    return job_type


def _page(form: BatchForm, status: int = 200) -> ResponseReturnValue:
    form.files = stored_files(form)
    name = "form_body" if request.headers.get("HX-Request") else "form"
    limit = services().settings.max_upload_mb
    return render_template(f"batches/{name}.html", form=form, max_upload_mb=limit), status
