"""What one is told of and how: channels, rules and the newest messages on one page, and the forms of channels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.rights import Right
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.channels import ORGANIZATION, OWN, ChannelChange, NewChannel

KINDS = {
    "email": ("E-mail", "To your own address; of the organisation to any addresses."),
    "webhook": ("Webhook", "A signed request to a program of yours."),
    "apprise": ("Slack, Discord, …", "Chats and pagers, by an address of apprise."),
    "browser": ("Browser", "A notification of this browser while a page is open."),
}
EVENTS = {
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "waiting-long": "Waiting for long",
    "running-long": "Running for long",
}
SHOWN = 5
TYPED = 2000

blueprint = Blueprint("notifications", __name__, url_prefix="/notifications")
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _index()


@blueprint.get("/channels/new")
def new_channel() -> ResponseReturnValue:
    asked = request.args.get("kind", "email")
    values = {"kind": asked if asked in KINDS else "email", "scope": OWN, "name": "", "to": "", "url": ""}
    return _form(values)


@blueprint.post("/channels")
def create_channel() -> ResponseReturnValue:
    values = typed()
    new = NewChannel(values["kind"], values["name"], values["scope"], addresses(values["to"]), values["url"])
    try:
        made = services().channels.create(get_actor(), new)
    except (InvalidInput, Conflict) as error:
        return _form(values, faults=_faults(error), fault="" if error.errors else error.detail), error.status
    # Not by way of another page: the secret is told once.
    return _index(fresh=made), 201, {"Cache-Control": "no-store"}


@blueprint.get("/channels/<uuid:channel_id>")
def edit_channel(channel_id: UUID) -> ResponseReturnValue:
    found = services().channels.get(get_actor(), channel_id)
    values = {"kind": found.kind, "scope": found.scope, "name": found.name, "to": "", "url": ""}
    return _form(values, channel=found)


@blueprint.post("/channels/<uuid:channel_id>")
def change_channel(channel_id: UUID) -> ResponseReturnValue:
    values = typed()
    change = ChannelChange(values["name"], addresses(values["to"]) or None, values["url"] or None)
    try:
        services().channels.change(get_actor(), channel_id, change)
    except InvalidInput as error:
        found = services().channels.get(get_actor(), channel_id)
        return _form(values, channel=found, faults=_faults(error)), 422
    return _back()


@blueprint.post("/channels/<uuid:channel_id>/switch")
def switch_channel(channel_id: UUID) -> ResponseReturnValue:
    on = request.form.get("on") == "yes"
    services().channels.change(get_actor(), channel_id, ChannelChange(enabled=on))
    return _back()


@blueprint.post("/channels/<uuid:channel_id>/secret")
def renew_secret(channel_id: UUID) -> ResponseReturnValue:
    fresh = services().channels.renew_secret(get_actor(), channel_id)
    return _index(fresh=fresh), 200, {"Cache-Control": "no-store"}


@blueprint.post("/channels/<uuid:channel_id>/test")
def test_channel(channel_id: UUID) -> ResponseReturnValue:
    sent = services().deliveries.test(get_actor(), services().channels, channel_id)
    return redirect(url_for("deliveries.show", delivery_id=sent.id), 303)


@blueprint.get("/channels/<uuid:channel_id>/delete")
def ask(channel_id: UUID) -> ResponseReturnValue:
    channel = services().channels.get(get_actor(), channel_id)
    return render_template("notifications/delete.html", channel=channel, kinds=KINDS)


@blueprint.post("/channels/<uuid:channel_id>/delete")
def delete_channel(channel_id: UUID) -> ResponseReturnValue:
    services().channels.delete(get_actor(), channel_id)
    return _back()


@blueprint.get("/channels")
@blueprint.get("/channels/<uuid:channel_id>/switch")
@blueprint.get("/channels/<uuid:channel_id>/secret")
@blueprint.get("/channels/<uuid:channel_id>/test")
def back(channel_id: UUID | None = None) -> ResponseReturnValue:
    """The address of a form, loaded again."""
    if channel_id is not None:
        services().channels.get(get_actor(), channel_id)
    return _back()


def typed() -> dict[str, str]:
    """What stands in the form, cut where nothing good is so long."""
    fields = ("kind", "scope", "name", "to", "url")
    return {name: request.form.get(name, "").strip()[: TYPED + 1] for name in fields}


def addresses(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.replace(",", " ").split())


def may_change_all() -> bool:
    """Whether the organisation's rules and channels are shown."""
    return get_actor().may(Right.CHANGE_JOBS)


def _index(**more: Any) -> str:
    actor = get_actor()
    deliveries, _ = services().deliveries.page(actor, limit=SHOWN)
    return render_template(
        "notifications/index.html",
        channels=services().channels.all(actor),
        rules=services().notification_rules.all(actor),
        deliveries=deliveries,
        kinds=KINDS,
        events=EVENTS,
        for_all=may_change_all(),
        has_mail=bool(services().settings.smtp_url),
        **more,
    )


def _form(values: dict[str, str], **more: Any) -> str:
    scopes = {OWN: "Me"} | ({ORGANIZATION: "The organisation"} if may_change_all() else {})
    told: dict[str, Any] = {"channel": None, "faults": {}, "fault": "", **more}
    return render_template("notifications/channel_form.html", values=values, kinds=KINDS, scopes=scopes, **told)


def _faults(error: InvalidInput | Conflict) -> dict[str, str]:
    return {one.field: one.message[:1].upper() + one.message[1:] for one in error.errors}


def _back() -> ResponseReturnValue:
    return redirect(url_for("notifications.index"), 303)
