"""Keeping the form of a new job as a preset, and deleting one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import InvalidInput
from jobsapp.pages.forms.job import COMMON, JobForm
from jobsapp.pages.forms.posted import data_of
from jobsapp.pages.guard import signed_in
from jobsapp.pages.new_job import store_uploads, type_of
from jobsapp.processors.secrets import without_secrets
from jobsapp.services.presets import DESCRIPTION_LENGTH, NAME_LENGTH, NewPreset

# What a form holds beyond the data goes along in the address, as far as that is sensible.
CARRIED_LENGTH = 500

blueprint = Blueprint("presets", __name__, url_prefix="/jobs/new/<type_name>/presets")
blueprint.before_request(signed_in)


@blueprint.post("")
def ask(type_name: str) -> ResponseReturnValue:
    """How the form that was sent shall be called. Files that came with it are kept."""
    posted = store_uploads(JobForm.blank(type_of(type_name)))
    form = JobForm.posted(type_of(type_name), posted)
    common = {item.name: str(form.texts.get(item.name) or "") for item in COMMON}
    data = without_secrets(form.type.processor.Input, data_of(form.fields, posted))
    return _page(type_name, data, common, NewPreset("", {}))


@blueprint.post("/save")
def save(type_name: str) -> ResponseReturnValue:
    form = request.form
    data, common = _read(form.get("data", "")), _read(form.get("common", ""))
    new = NewPreset(form.get("name", ""), data, form.get("description", ""), "shared" in form)
    try:
        kept = services().presets.save(get_actor(), type_name, new)
    except InvalidInput as error:
        return _page(type_name, data, common, new, error)
    return redirect(_address(type_name, preset=kept.id, **_carried(common)), 303)


@blueprint.post("/<preset_id>/delete")
def delete(type_name: str, preset_id: str) -> ResponseReturnValue:
    services().presets.delete(get_actor(), type_name, preset_id)
    return redirect(_address(type_name), 303)


def _page(
    type_name: str, data: dict[str, Any], common: dict[str, Any], new: NewPreset, error: InvalidInput | None = None
) -> ResponseReturnValue:
    faults = {fault.field: fault.message[:1].upper() + fault.message[1:] for fault in error.errors} if error else {}
    sizes = {"name": NAME_LENGTH, "description": DESCRIPTION_LENGTH}
    hidden = {"data": json.dumps(data), "common": json.dumps(common)}
    page = render_template(
        "jobs/preset.html", type=type_of(type_name), new=new, hidden=hidden, faults=faults, sizes=sizes
    )
    return page, 422 if error else 200


def _carried(common: dict[str, Any]) -> dict[str, str]:
    known = {item.name for item in COMMON}
    return {
        name: text
        for name, text in common.items()
        if name in known and isinstance(text, str) and len(text) <= CARRIED_LENGTH
    }


def _address(type_name: str, **query: str) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return f"/jobs/new/{type_name}" + (f"?{given}" if given else "")


def _read(text: str) -> dict[str, Any]:
    """A JSON object of the page's own; {} for what somebody made of it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
