"""Creating a job: choose its type, fill in its form."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from jobsapp.auth.current import get_actor, services
from jobsapp.auth.upload import received
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.pages.forms.job import JobForm
from jobsapp.pages.guard import signed_in
from jobsapp.processors.registry import JobType

blueprint = Blueprint("new_job", __name__, url_prefix="/jobs/new")
blueprint.before_request(signed_in)


@blueprint.get("")
def choose() -> ResponseReturnValue:
    types = list(services().registry)
    wanted = request.args.get("type") or (types[0].name if len(types) == 1 else None)
    if wanted:
        return redirect(url_for("new_job.form", type_name=wanted))
    return render_template("jobs/choose.html", types=types)


@blueprint.get("/<type_name>")
def form(type_name: str) -> ResponseReturnValue:
    return _page(_filled(_type(type_name)))


@blueprint.post("/<type_name>")
def create(type_name: str) -> ResponseReturnValue:
    job_type = _type(type_name)
    posted = _store_uploads(JobForm.blank(job_type))
    form = JobForm.posted(job_type, posted)
    try:
        job, _ = services().jobs.create(get_actor(), form.new_job(posted))
    except InvalidInput as error:
        form.refuse(error)
        return _page(form, 422)
    return _created(job.id)


def _type(name: str) -> JobType:
    found = services().registry.find(name)
    if found is None:
        raise NotFound(f"There is no job type {name!r}.")
    return found


def _filled(job_type: JobType) -> JobForm:
    """A blank form, or one filled from the job named by `?from=`: run again with changed input. `?data.key=` says what
    is changed."""
    origin = request.args.get("from", type=UUID)
    data = {key.removeprefix("data."): value for key, value in request.args.items() if key.startswith("data.")}
    if origin is None:
        return JobForm.blank(job_type, data)
    job = services().jobs.get(get_actor(), origin)
    form = JobForm.blank(job_type, {**job.data, **data}, description=job.description)
    if job.name != job_type.own_name(job.data, _names(JobForm.blank(job_type, job.data))):
        form.texts["name"] = job.name
    return form


def _names(form: JobForm) -> list[str]:
    """Of the files that the form has, in its order."""
    return [file.name for file in services().files.find(get_actor(), _uuids(form.file_ids()))]


def _store_uploads(form: JobForm) -> MultiDict[str, str]:
    """Keep the uploads that came, and put their ids where the form expects them."""
    posted = MultiDict(request.form)
    for field in form.file_fields():
        uploads = [file for file in request.files.getlist(field.name) if file.filename]
        ids = [str(services().files.register(get_actor(), received(file), file.filename or "").id) for file in uploads]
        if ids:
            posted.setlist(field.name, ids if field.kind == "file" else posted.getlist(field.name) + ids)
    return posted


def _page(form: JobForm, status: int = 200) -> ResponseReturnValue:
    form.files = {str(file.id): file for file in services().files.find(get_actor(), _uuids(form.file_ids()))}
    template = "jobs/form_body.html" if request.headers.get("HX-Request") else "jobs/form.html"
    limit = services().settings.max_upload_mb
    types = len(list(services().registry))
    return render_template(template, form=form, max_upload_mb=limit, several_types=types > 1), status


def _created(job_id: UUID) -> ResponseReturnValue:
    address = url_for("jobs.index", open=job_id)
    return ("", 204, {"HX-Redirect": address}) if request.headers.get("HX-Request") else redirect(address, 303)


def _uuids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
