"""The log of messages, and the link in e-mails that ends them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import Conflict
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.notifications import EVENTS, KINDS

STATES = {"pending": "Waiting", "delivered": "Delivered", "failed": "Given up"}

blueprint = Blueprint("deliveries", __name__, url_prefix="/notifications/deliveries")
blueprint.before_request(small)
blueprint.before_request(signed_in)

unsubscribe = Blueprint("unsubscribe", __name__, url_prefix="/notifications/unsubscribe")
# Mail programs post here by themselves (RFC 8058): without a cookie, so there is nothing to forge.
unsubscribe.before_request(small)


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor, asked = get_actor(), request.args
    state = asked.get("state") if asked.get("state") in STATES else None
    channel = asked.get("channel", type=UUID)
    found, older = services().deliveries.page(
        actor, channel_id=channel, state=state, before=asked.get("before", type=UUID)
    )
    told = {"deliveries": found, "older": older, "state": state, "channel": channel, "states": STATES}
    return render_template(
        "notifications/deliveries.html", channels=services().channels.all(actor), kinds=KINDS, events=EVENTS, **told
    )


@blueprint.get("/<uuid:delivery_id>")
def show(delivery_id: UUID) -> ResponseReturnValue:
    return _page(delivery_id)


@blueprint.post("/<uuid:delivery_id>/replay")
def replay(delivery_id: UUID) -> ResponseReturnValue:
    try:
        sent = services().deliveries.replay(get_actor(), delivery_id)
    except Conflict as error:
        return _page(delivery_id, fault=error.detail), 409
    return redirect(url_for("deliveries.show", delivery_id=sent.id), 303)


@blueprint.get("/<uuid:delivery_id>/replay")
def back(delivery_id: UUID) -> ResponseReturnValue:
    """The address of a form, loaded again."""
    services().deliveries.get(get_actor(), delivery_id)
    return redirect(url_for("deliveries.show", delivery_id=delivery_id))


@unsubscribe.get("/<link>")
def ask(link: str) -> ResponseReturnValue:
    return render_template("notifications/unsubscribe.html", name=services().unsubscribing.shown(link), ended=False)


@unsubscribe.post("/<link>")
def end(link: str) -> ResponseReturnValue:
    name = services().unsubscribing.shown(link)
    services().unsubscribing.end(link)
    return render_template("notifications/unsubscribe.html", name=name, ended=True)


def _page(delivery_id: UUID, *, fault: str = "") -> str:
    found = services().deliveries.get(get_actor(), delivery_id)
    return render_template(
        "notifications/delivery.html", delivery=found, states=STATES, kinds=KINDS, events=EVENTS, fault=fault
    )
