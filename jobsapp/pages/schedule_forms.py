"""Making a schedule and changing one: choose its type, fill in its form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.rights import Right
from jobsapp.core.sealing import shown
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Schedule
from jobsapp.pages.forms.schedule import ScheduleForm
from jobsapp.pages.guard import signed_in
from jobsapp.pages.new_job import store_uploads, stored_files, type_of
from jobsapp.pages.schedules import previewed
from jobsapp.services.new_schedules import NewSchedule

blueprint = Blueprint("schedule_forms", __name__, url_prefix="/schedules")
blueprint.before_request(signed_in)


@blueprint.get("/new")
def choose() -> ResponseReturnValue:
    types = list(services().registry)
    if len(types) == 1:
        return redirect(url_for("schedule_forms.form", type_name=types[0].name))
    return render_template("schedules/choose.html", types=types)


@blueprint.get("/new/<type_name>")
def form(type_name: str) -> ResponseReturnValue:
    get_actor().require(Right.CREATE, "create schedules")
    common: dict[str, Any] = {
        name: request.args[name] for name in ("name", "kind", "cron", "zone") if request.args.get(name)
    }
    return _page(ScheduleForm.new(type_of(type_name), None, **common))


@blueprint.post("/new/<type_name>")
def create(type_name: str) -> ResponseReturnValue:
    posted = store_uploads(ScheduleForm.blank(type_of(type_name)))
    form = ScheduleForm.posted(type_of(type_name), posted)
    try:
        made = services().schedules.create(get_actor(), form.new_schedule(posted))
    except InvalidInput as error:
        form.refuse(error)
        return _page(form, 422)
    return _done(made.id)


@blueprint.get("/<uuid:schedule_id>/edit")
def edit(schedule_id: UUID) -> ResponseReturnValue:
    row = _changeable(schedule_id)
    return _page(ScheduleForm.of(type_of(row.type), row), row=row)


@blueprint.post("/<uuid:schedule_id>/edit")
def save(schedule_id: UUID) -> ResponseReturnValue:
    row = _changeable(schedule_id)
    posted = store_uploads(ScheduleForm.blank(type_of(row.type)))
    form = ScheduleForm.posted(type_of(row.type), posted)
    try:
        changes = _changes(form.new_schedule(posted), row)
        services().schedules.edit(get_actor(), schedule_id, changes)
    except InvalidInput as error:
        row = _changeable(schedule_id)
        form.secrets_of = ScheduleForm.of(type_of(row.type), row).secrets_of
        form.keep(shown(row.data))
        form.refuse(error)
        return _page(form, 422, row=row)
    return _done(schedule_id)


def _changes(new: NewSchedule, row: Schedule) -> dict[str, Any]:
    """All that the form says. What it does not is the anchor: intervals of the same length go on as they are."""
    said = vars(new) | {"name": new.name or row.name}
    return {name: value for name, value in said.items() if name not in ("type", "anchor")} | (
        {"anchor": row.anchor if new.every_seconds == row.every_seconds else None}
    )


def _changeable(schedule_id: UUID) -> Schedule:
    """Raises NotFound, Forbidden, and Conflict for one that is declared in code."""
    row = services().schedules.row(get_actor(), schedule_id)
    if not get_actor().may_change(row.user_id):
        get_actor().require(Right.CHANGE_JOBS, "change schedules of others")
        get_actor().require(Right.CREATE, "change schedules")
    if row.declared is not None:
        raise Conflict("This schedule is declared in code: change it there.")
    return row


def _page(form: ScheduleForm, status: int = 200, *, row: Schedule | None = None) -> ResponseReturnValue:
    form.files = stored_files(form)
    action = url_for("schedule_forms.save", schedule_id=row.id) if row else f"/schedules/new/{form.type.name}"
    around: dict[str, Any] = {"action": action, "schedule": row, "preview": previewed(form.texts)}
    around |= {"max_upload_mb": services().settings.max_upload_mb}
    name = "form_body" if request.headers.get("HX-Request") else "form"
    return render_template(f"schedules/{name}.html", form=form, **around), status


def _done(schedule_id: UUID) -> ResponseReturnValue:
    address = url_for("schedules.show", schedule_id=schedule_id)
    return ("", 204, {"HX-Redirect": address}) if request.headers.get("HX-Request") else redirect(address, 303)
