"""Creating a job: choose its type, fill in its form."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from jobsapp.auth.current import get_actor, services
from jobsapp.auth.upload import received
from jobsapp.core.sealing import shown
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.models import Job, StoredFile
from jobsapp.pages.forms.fields import Field
from jobsapp.pages.forms.job import COMMON, JobForm
from jobsapp.pages.guard import signed_in
from jobsapp.processors.registry import JobType
from jobsapp.processors.secrets import without_secrets
from jobsapp.services.presets import PresetView
from jobsapp.services.workflows import TYPE as WORKFLOW

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
    job_type, chosen = type_of(type_name), None
    if preset_id := request.args.get("preset"):
        chosen = services().presets.get(get_actor(), type_name, preset_id)
    return _page(_filled(job_type, chosen), chosen=chosen)


@blueprint.post("/<type_name>")
def create(type_name: str) -> ResponseReturnValue:
    job_type = type_of(type_name)
    posted = store_uploads(JobForm.blank(job_type))
    form = JobForm.posted(job_type, posted)
    origin = _origin(form, posted.get("secretsOf", ""))
    try:
        new = form.new_job(posted)
        if origin is not None:
            new = replace(new, data=services().secrets.kept(get_actor(), job_type, new.data, origin))
        job, _ = services().jobs.create(get_actor(), new)
    except InvalidInput as error:
        form.refuse(error)
        return _page(form, 422)
    return _created(job.id)


def type_of(name: str) -> JobType:
    """Raises NotFound."""
    found = services().registry.find(name)
    if found is None:
        raise NotFound(f"There is no job type {name!r}.")
    return found


def _filled(job_type: JobType, preset: PresetView | None) -> JobForm:
    """A blank form, or one filled in: from a preset, an example, or by `?from=` a job, to run it with other input.

    The fields that every job has may stand in the address, and by `?data.key=` what is different in the input.
    """
    common = {item.name: request.args[item.name] for item in COMMON if request.args.get(item.name)}
    if preset is not None:
        return JobForm.blank(job_type, services().presets.filled(get_actor(), preset, job_type.name), **common)
    if "example" in request.args:
        return JobForm.blank(job_type, job_type.example, **common)
    origin = request.args.get("from", type=UUID)
    data = {key.removeprefix("data."): value for key, value in request.args.items() if key.startswith("data.")}
    if origin is None:
        return JobForm.blank(job_type, data, **common)
    return _again(job_type, services().jobs.get(get_actor(), origin), data)


def _again(job_type: JobType, job: Job, data: dict[str, str]) -> JobForm:
    """The form as the job had it, but for `data`."""
    given = shown(job.data)
    # Whoever made the link may have chosen where the secrets go, be it by a file whose rows name addresses.
    keeps = not data and job.type == job_type.name and services().secrets.may_keep(get_actor(), job)
    known = given if keeps else without_secrets(job_type.processor.Input, given)
    form = JobForm.blank(job_type, {**known, **data}, description=job.description)
    form.secrets_of = job.id if keeps else None
    if job_type.name == WORKFLOW:
        own = services().workflows.own_name(get_actor(), given)
    else:
        own = job_type.own_name(given, _names(JobForm.blank(job_type, given)))
    if job.name != own:
        form.texts["name"] = job.name
    return form


def _origin(form: JobForm, job_id: str) -> Job | None:
    """The job that the form began with, if the form may have its secrets."""
    job = next(iter(services().jobs.find(get_actor(), uuids([job_id]))), None)
    if job is None or job.type != form.type.name or not services().secrets.may_keep(get_actor(), job):
        return None
    form.secrets_of = job.id
    form.keep(shown(job.data))
    return job


def _names(form: JobForm) -> list[str]:
    """Of the files that the form has, in its order."""
    return [file.name for file in services().files.find(get_actor(), uuids(form.file_ids()))]


class HasFiles(Protocol):
    """A form with fields that take files."""

    def file_fields(self) -> list[Field]: ...

    def file_ids(self) -> list[str]: ...


def store_uploads(form: HasFiles) -> MultiDict[str, str]:
    """Keep the uploads that came, and put their ids where the form expects them."""
    posted = MultiDict(request.form)
    for field in form.file_fields():
        uploads = [file for file in request.files.getlist(field.name) if file.filename]
        ids = [str(services().files.register(get_actor(), received(file), file.filename or "").id) for file in uploads]
        if ids:
            posted.setlist(field.name, ids if field.kind == "file" else posted.getlist(field.name) + ids)
    return posted


def stored_files(form: HasFiles) -> dict[str, StoredFile]:
    """Those that the form names, by id."""
    return {str(file.id): file for file in services().files.find(get_actor(), uuids(form.file_ids()))}


def _page(form: JobForm, status: int = 200, *, chosen: PresetView | None = None) -> ResponseReturnValue:
    form.files = stored_files(form)
    limit = services().settings.max_upload_mb
    if request.headers.get("HX-Request"):
        return render_template("jobs/form_body.html", form=form, max_upload_mb=limit), status
    presets = services().presets.all(get_actor(), form.type.name)
    types = len(list(services().registry))
    around = {"several_types": types > 1, "presets": presets, "chosen": chosen}
    return render_template("jobs/form.html", form=form, max_upload_mb=limit, **around), status


def _created(job_id: UUID) -> ResponseReturnValue:
    address = url_for("jobs.index", open=job_id)
    return ("", 204, {"HX-Redirect": address}) if request.headers.get("HX-Request") else redirect(address, 303)


def uuids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
