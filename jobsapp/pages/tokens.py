"""API tokens: seeing one's own, making one, revoking; administrators see everyone's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.rights import Scope
from jobsapp.errors import InvalidInput
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.tokens import NAME_LENGTH, scopes_of, token_state

SCOPES: dict[str, tuple[str, str]] = {
    Scope.READ: ("Read", "Sees jobs, files, queues and numbers. Changes nothing."),
    Scope.JOBS: ("Jobs", "Also creates, cancels, retries and shares jobs, and uploads files."),
    Scope.OPERATE: ("Operate", "Also pauses queues, and stops and starts workers."),
    Scope.ADMIN: ("Everything", "All that you may do: also limits, cleanup, the audit log, and making tokens."),
}
"""What each is called, and what it is for; it includes those before it."""
# Days; 0: it never expires.
CHOICES = {30: "30 days", 90: "90 days", 365: "1 year", 0: "Never"}
USUAL = 90

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("")
def create() -> ResponseReturnValue:
    form = request.form
    days = form.get("days", USUAL, type=int)
    lifetime = timedelta(days=days) if days in CHOICES and days else None if days == 0 else timedelta(days=USUAL)
    try:
        token, text = services().tokens.create(
            get_actor(), form.get("name", ""), scopes=form.getlist("scope"), lifetime=lifetime
        )
    except InvalidInput as error:
        return _page(form=form, faults={fault.field: fault.message for fault in error.errors}), 422
    # Not by way of another page: then the text would have to be kept somewhere until it is shown.
    return _page(fresh=token, text=text), 201, {"Cache-Control": "no-store"}


@blueprint.get("/<uuid:token_id>/revoke")
def ask(token_id: UUID) -> ResponseReturnValue:
    return render_template("tokens/revoke.html", token=services().tokens.get(get_actor(), token_id), scopes=SCOPES)


@blueprint.post("/<uuid:token_id>/revoke")
def revoke(token_id: UUID) -> ResponseReturnValue:
    token = services().tokens.revoke(get_actor(), token_id)
    everyone = None if token.user_id == get_actor().user_id else "yes"
    return redirect(url_for("tokens.index", everyone=everyone), 303)


def _page(*, form: Mapping[str, str] | None = None, **more: Any) -> str:
    actor, everyone = get_actor(), "everyone" in request.args
    before = request.args.get("before", type=UUID)
    found, older = services().tokens.page(actor, everyone=everyone, before=before)
    allowed = scopes_of(actor)
    return render_template(
        "tokens/index.html",
        tokens=found,
        older=older,
        before=before,
        everyone=everyone,
        state=token_state,
        scopes=SCOPES,
        allowed=allowed,
        chosen=(form or {}).get("scope") or (Scope.JOBS if Scope.JOBS in allowed else Scope.READ),
        days=(form or {}).get("days", str(USUAL)),
        name=(form or {}).get("name", "")[: 2 * NAME_LENGTH],
        choices=CHOICES,
        most=NAME_LENGTH,
        **more,
    )
