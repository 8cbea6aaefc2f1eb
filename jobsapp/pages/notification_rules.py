"""The form of a rule of notifications, and the words of messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic.alias_generators import to_snake

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.notifications import EVENTS, may_change_all
from jobsapp.services.channels import OWN
from jobsapp.services.notification_rules import NewNotificationRule, NotificationRuleView
from jobsapp.services.wording import DEFAULTS, Words

WHOLE = {"waiting_minutes": 10, "running_minutes": 60, "digest_minutes": 0, "digest_above": 10}
TYPED = 200
LONGEST = 20_000
LOOKS = "look"
"""The button that narrows the schedules to choose from: nothing is saved."""

blueprint = Blueprint("notification_rules", __name__, url_prefix="/notifications")
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/rules/new")
def new() -> ResponseReturnValue:
    """`?schedule=`: about the jobs of that schedule."""
    schedule = request.args.get("schedule", type=UUID)
    usual = {"events": ["failed"], "types": [], "zone": "UTC", "without_steps": True, "enabled": True}
    return _form({**usual, "schedule_id": schedule, **WHOLE})


@blueprint.post("/rules")
def create() -> ResponseReturnValue:
    if LOOKS in request.form:
        return _form(_typed())
    try:
        services().notification_rules.create(get_actor(), parsed())
    except (InvalidInput, Conflict) as error:
        return _refused(error), error.status
    return redirect(url_for("notifications.index"), 303)


@blueprint.get("/rules/<uuid:rule_id>")
def edit(rule_id: UUID) -> ResponseReturnValue:
    rule = services().notification_rules.get(get_actor(), rule_id)
    return _form(_values(rule), rule=rule)


@blueprint.post("/rules/<uuid:rule_id>")
def replace(rule_id: UUID) -> ResponseReturnValue:
    rule = services().notification_rules.get(get_actor(), rule_id)
    if LOOKS in request.form:
        return _form(_typed(), rule=rule)
    try:
        services().notification_rules.replace(get_actor(), rule_id, parsed(rule))
    except InvalidInput as error:
        return _refused(error, rule=rule), 422
    return redirect(url_for("notifications.index"), 303)


@blueprint.post("/rules/<uuid:rule_id>/remove")
def remove(rule_id: UUID) -> ResponseReturnValue:
    services().notification_rules.remove(get_actor(), rule_id)
    return redirect(url_for("notifications.index"), 303)


@blueprint.get("/rules")
@blueprint.get("/rules/<uuid:rule_id>/remove")
def back(rule_id: UUID | None = None) -> ResponseReturnValue:
    """The address of a form, loaded again."""
    if rule_id is not None:
        services().notification_rules.get(get_actor(), rule_id)
    return redirect(url_for("notifications.index"))


@blueprint.get("/words")
def words() -> ResponseReturnValue:
    found = services().notification_words.get(get_actor())
    return _words({name: getattr(found, name) or DEFAULTS[name] for name in DEFAULTS})


@blueprint.post("/words")
def set_words() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").replace("\r\n", "\n")[:LONGEST] for name in DEFAULTS}
    try:
        # What is left as it came follows when jobsapp changes it.
        said = {name: text if text.strip() and text != DEFAULTS[name] else None for name, text in typed.items()}
        services().notification_words.set(get_actor(), Words(**said))
    except InvalidInput as error:
        return _words(typed, {to_snake(one.field): one.message for one in error.errors}), 422
    return redirect(url_for("notification_rules.words", saved="yes"), 303)


def parsed(rule: NotificationRuleView | None = None) -> NewNotificationRule:
    """What was typed. Raises InvalidInput for what is no number or id."""
    form = request.form
    try:
        channel_id = UUID(form.get("channel_id", ""))
    except ValueError:
        raise InvalidInput.of("channelId", "choose a channel; make one first if there is none.") from None
    channel = services().channels.get(get_actor(), channel_id)
    whole = {name: _whole(name) for name in WHOLE}
    return NewNotificationRule(
        channel_id,
        tuple(form.getlist("events")),
        scope=rule.scope if rule else channel.scope,
        types=tuple(form.getlist("types")),
        schedule_id=_schedule_id(),
        waiting_seconds=whole["waiting_minutes"] * 60,
        running_seconds=whole["running_minutes"] * 60,
        digest_minutes=whole["digest_minutes"],
        digest_above=whole["digest_above"],
        quiet_from=form.get("quiet_from") or None,
        quiet_until=form.get("quiet_until") or None,
        zone=form.get("zone", "").strip()[:TYPED] or "UTC",
        failures_through="failures_through" in form,
        without_steps="without_steps" in form,
        enabled="enabled" in form,
    )


def _schedule_id() -> UUID | None:
    text = request.form.get("schedule_id", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidInput.of("scheduleId", "choose one of the list.") from None


def _whole(name: str) -> int:
    text = request.form.get(name, "").strip()[:12]
    if not text:
        return WHOLE[name]
    try:
        return int(text)
    except ValueError:
        raise InvalidInput.of(name, "must be a whole number.") from None


def _values(rule: NotificationRuleView) -> dict[str, Any]:
    minutes = {"waiting_minutes": rule.waiting_seconds // 60, "running_minutes": rule.running_seconds // 60}
    return rule.model_dump() | minutes


def _typed() -> dict[str, Any]:
    """What stands in the form, to be shown again."""
    form = request.form
    values: dict[str, Any] = {name: form.get(name, "")[:TYPED] for name in form}
    values |= {"events": form.getlist("events"), "types": form.getlist("types")}
    return values | {name: name in form for name in ("failures_through", "without_steps", "enabled")}


def _refused(error: InvalidInput | Conflict, **more: Any) -> str:
    wire = {
        "channelId": "channel_id",
        "scheduleId": "schedule_id",
        "waitingSeconds": "waiting_minutes",
        "runningSeconds": "running_minutes",
    }
    wire |= {"digestMinutes": "digest_minutes", "digestAbove": "digest_above"}
    wire |= {"quietFrom": "quiet_from", "quietUntil": "quiet_until"}
    faults = {wire.get(one.field, one.field): one.message[:1].upper() + one.message[1:] for one in error.errors}
    return _form(_typed(), faults=faults, fault="" if error.errors else error.detail, **more)


def _form(values: dict[str, Any], **more: Any) -> str:
    rule: NotificationRuleView | None = more.get("rule")
    channels = [one for one in services().channels.all(get_actor()) if rule is None or one.scope == rule.scope]
    chosen, sought = _id(values.get("schedule_id")), str(values.get("schedule_sought", ""))
    schedules, is_more = services().notification_rules.schedules(get_actor(), sought, chosen=chosen)
    return render_template(
        "notifications/rule_form.html",
        values=values,
        channels=channels,
        schedules=schedules,
        is_more=is_more,
        chosen=chosen,
        sought=sought,
        events=EVENTS,
        types={one.name: one.title for one in services().registry},
        zones=sorted(available_timezones()),
        own=OWN,
        **{"rule": None, "faults": {}, "fault": "", **more},
    )


def _id(said: Any) -> UUID | None:
    try:
        return UUID(str(said))
    except ValueError:
        return None


def _words(values: dict[str, str], faults: dict[str, str] | None = None) -> str:
    words = Words(**values)
    samples = [] if faults else [services().notification_words.sample(words, digest=one) for one in (False, True)]
    return render_template(
        "notifications/words.html",
        values=values,
        faults=faults or {},
        samples=samples,
        may_change=may_change_all(),
        saved="saved" in request.args and not faults,
    )
