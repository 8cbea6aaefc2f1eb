"""Schedules: the list, one with its next runs and its history, and what one can do to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.cron import zone_of
from jobsapp.errors import InvalidInput
from jobsapp.pages.forms.schedule import in_words, timing_of
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.schedules import REASON_LENGTH, ScheduleFilter

SHOWN_RUNS = 20
STATUSES = ("active", "paused", "ended")

blueprint = Blueprint("schedules", __name__, url_prefix="/schedules")
blueprint.before_request(small)
blueprint.before_request(signed_in)


class NextRun(NamedTuple):
    """A time at which a schedule is due, and what the clock of its zone shows then."""

    at: datetime
    there: str


@blueprint.get("")
def index() -> ResponseReturnValue:
    status, before = request.args.get("status", ""), request.args.get("before", type=UUID)
    wanted = ScheduleFilter(status=status if status in STATUSES else None)
    found, older = services().schedules.page(get_actor(), wanted, before=before)
    shown = {"status": wanted.status or "", "statuses": STATUSES, "before": before, "older": older}
    return render_template("schedules/index.html", schedules=found, **shown)


@blueprint.get("/preview")
def preview() -> ResponseReturnValue:
    """What is typed, in words and as the next runs; or what is wrong with it."""
    return render_template("schedules/preview.html", preview=previewed(request.args))


@blueprint.get("/<uuid:schedule_id>")
def show(schedule_id: UUID) -> ResponseReturnValue:
    actor, before = get_actor(), _moment(request.args.get("before", ""))
    schedule = services().schedules.get(actor, schedule_id)
    runs, older = services().schedules.runs(actor, schedule_id, before=before, limit=SHOWN_RUNS)
    upcoming = [NextRun(one, there(one, schedule.zone)) for one in schedule.next_runs]
    shown = {"runs": runs, "older": older, "before": before, "upcoming": upcoming}
    may_change = actor.may_change(services().schedules.row(actor, schedule_id).user_id)
    return render_template("schedules/show.html", schedule=schedule, may_change=may_change, **shown)


@blueprint.get("/<uuid:schedule_id>/pause")
def ask_pause(schedule_id: UUID) -> ResponseReturnValue:
    return _pause_form(schedule_id)


@blueprint.post("/<uuid:schedule_id>/pause")
def pause(schedule_id: UUID) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip() or None
    try:
        services().schedules.pause(get_actor(), schedule_id, reason=reason)
    except InvalidInput as error:
        return _pause_form(schedule_id, reason or "", f"The reason {error.errors[0].message}"), 422
    return _back(schedule_id)


@blueprint.post("/<uuid:schedule_id>/resume")
def resume(schedule_id: UUID) -> ResponseReturnValue:
    services().schedules.resume(get_actor(), schedule_id)
    return _back(schedule_id)


@blueprint.post("/<uuid:schedule_id>/run")
def run(schedule_id: UUID) -> ResponseReturnValue:
    try:
        services().schedules.run(get_actor(), schedule_id)
    except InvalidInput as error:
        flash(f"No job was started. {error.detail}")
    return _back(schedule_id)


@blueprint.get("/<uuid:schedule_id>/delete")
def ask(schedule_id: UUID) -> ResponseReturnValue:
    return render_template("schedules/delete.html", schedule=services().schedules.get(get_actor(), schedule_id))


@blueprint.post("/<uuid:schedule_id>/delete")
def delete(schedule_id: UUID) -> ResponseReturnValue:
    name = services().schedules.get(get_actor(), schedule_id).name
    services().schedules.delete(get_actor(), schedule_id)
    flash(f"The schedule {name} was deleted.")
    return redirect(url_for("schedules.index"), 303)


def previewed(posted: Any) -> dict[str, Any]:
    """For the template: `text` and `runs`, or `fault`."""
    try:
        new = timing_of(posted, NewSchedule(type="", data={}))
        told = services().schedules.preview(get_actor(), new)
    except InvalidInput as error:
        return {"fault": in_words(error), "text": "", "runs": []}
    return {"fault": "", "text": told.text, "runs": [NextRun(one, there(one, new.zone)) for one in told.next_runs]}


def there(moment: datetime, zone: str) -> str:
    """As the clock of the zone shows it: `Fri 27 Nov 2026, 09:00`. Of an hour that comes twice, which."""
    local = moment.astimezone(zone_of(zone))
    comes_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{local:%a %-d %b %Y, %H:%M:%S}".removesuffix(":00") + (f" {local:%Z}" if comes_twice else "")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _pause_form(schedule_id: UUID, reason: str = "", fault: str = "") -> str:
    schedule = services().schedules.get(get_actor(), schedule_id)
    return render_template("schedules/pause.html", schedule=schedule, reason=reason, fault=fault, most=REASON_LENGTH)


def _back(schedule_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("schedules.show", schedule_id=schedule_id), 303)
