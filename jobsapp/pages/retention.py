"""How long jobs and uploads are kept: the rules, what they deleted and will delete, and archives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.archives import FORMATS
from jobsapp.core.retention import FINISHED, JOBS, UPLOADS
from jobsapp.errors import Forbidden, InvalidInput
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import job_type
from jobsapp.services.retention import NewRule, RuleView

KEY = ("scope", "type", "status")
FIELDS = (*KEY, "days", "archive")
TYPED = 200

blueprint = Blueprint("retention", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@dataclass(frozen=True)
class Form:
    """A rule as it stands in its form. `is_set`: there is one already. `faults`: what is wrong, by field."""

    values: dict[str, str]
    is_set: bool
    faults: dict[str, str]
    fault: str = ""


@blueprint.get("/retention")
def index() -> ResponseReturnValue:
    actor, retention = get_actor(), services().retention
    shown = [(one, about(one.scope, one.type, one.status), _key(one)) for one in retention.rules(actor)]
    runs = [(one, about(one.scope, one.type, one.status)) for one in retention.runs(actor)]
    archives, older = retention.archives(actor, before=request.args.get("before", type=UUID))
    return render_template("retention/index.html", rules=shown, runs=runs, archives=archives, older=older)


@blueprint.get("/retention/rule")
def edit() -> ResponseReturnValue:
    asked = {name: request.args.get(name, "")[:TYPED] for name in KEY}
    found = next((one for one in services().retention.rules(get_actor()) if _key(one) == asked), None)
    return _page(_form(asked, found))


@blueprint.post("/retention/rule")
def save() -> ResponseReturnValue:
    typed = {
        name: request.form.get(name, "").strip()[:TYPED] for name in ("scope", "type", "status", "days", "archive")
    }
    try:
        services().retention.set_rule(get_actor(), parsed(typed))
    except InvalidInput as error:
        return _page(_refused(typed, error)), 422
    return redirect(url_for("retention.index"), 303)


@blueprint.post("/retention/rule/remove")
def remove() -> ResponseReturnValue:
    asked = {name: request.form.get(name, "")[:TYPED] for name in KEY}
    services().retention.remove_rule(get_actor(), **asked)
    return redirect(url_for("retention.index"), 303)


@blueprint.get("/retention/rule/remove")
def back() -> ResponseReturnValue:
    """The address of a form, loaded again."""
    return redirect(url_for("retention.index"))


def about(scope: str, type: str, status: str) -> str:
    """What a rule is about, as people say it."""
    if scope == UPLOADS:
        return "Uploads that no job reads"
    known = job_type(type) if type else None
    kind = f"Jobs of the type “{known.title if known else type}”" if type else "All jobs"
    return f"{kind} {'that were' if status == 'cancelled' else 'that'} {status}" if status else kind


def parsed(typed: Mapping[str, str]) -> NewRule:
    """What was typed. Raises InvalidInput for a number of days that is none."""
    days: int | None = None
    if typed["days"]:
        try:
            days = int(typed["days"])
        except ValueError:
            raise InvalidInput.of("days", "must be a whole number, such as 30; empty for ever.") from None
    scope = typed["scope"] or JOBS
    return NewRule(days, scope, typed["type"], typed["status"], typed["archive"])


def _key(rule: RuleView) -> dict[str, str]:
    return {name: getattr(rule, name) for name in KEY}


def _form(asked: dict[str, str], found: RuleView | None) -> Form:
    days = found.days if found else 30
    more = {"days": "" if days is None else str(days), "archive": (found and found.archive) or ""}
    return Form(asked | more, is_set=found is not None and not found.is_default, faults={})


def _refused(typed: dict[str, str], error: InvalidInput) -> Form:
    """The form again, with what was typed and what is wrong with it."""
    faults = {one.field: one.message[:1].upper() + one.message[1:] for one in error.errors}
    return Form(typed, is_set=False, faults=faults, fault="" if error.errors else error.detail)


def _page(form: Form) -> str:
    if not get_actor().is_admin:
        raise Forbidden("Only an administrator may see and change how long jobs are kept.")
    types = {one.name: one.title for one in services().registry}
    if (asked := form.values["type"]) and asked not in types:
        types[asked] = asked
    return render_template("retention/form.html", form=form, types=types, statuses=FINISHED, formats=FORMATS)
