"""One's own account: password, browsers that are signed in, accounts at the OpenID provider."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, login_id, services, sign_in, sign_out
from jobsapp.core.passwords import SHORTEST
from jobsapp.errors import Forbidden, InvalidInput, TooManyTries
from jobsapp.pages.guard import signed_in, small

blueprint = Blueprint("account", __name__, url_prefix="/account")
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.before_request
def _themselves() -> None:
    if login_id() is None:
        raise Forbidden("An account is changed by who is signed in with a browser, not with a token.")


@blueprint.get("")
def show() -> ResponseReturnValue:
    return _page({})


@blueprint.post("/password")
def change_password() -> ResponseReturnValue:
    form = request.form
    try:
        _refuse_difference(form.get("new", ""), form.get("again", ""))
        services().passwords.change(
            get_actor(), old=form.get("old", ""), new=form.get("new", ""), address=request.remote_addr or ""
        )
    except InvalidInput as error:
        return _page({fault.field: fault.message[:1].upper() + fault.message[1:] for fault in error.errors}), 422
    except TooManyTries as error:
        return make_response(_page({"old": error.detail}), error.status, {"Retry-After": str(error.retry_after)})
    sign_in(get_actor(), "new password")
    flash("Your password is set. All other browsers are signed out.")
    return redirect(url_for("account.show"), 303)


@blueprint.post("/browsers/<uuid:browser>/sign-out")
def end_browser(browser: UUID) -> ResponseReturnValue:
    if browser == login_id():
        sign_out()
        return redirect(url_for("login.show"), 303)
    services().browsers.end(get_actor(), browser)
    flash("That browser is signed out.")
    return redirect(url_for("account.show"), 303)


@blueprint.post("/identities/<uuid:identity>/remove")
def unlink(identity: UUID) -> ResponseReturnValue:
    services().federation.unlink(get_actor(), identity)
    flash("That account opens this one no more.")
    return redirect(url_for("account.show"), 303)


def _page(faults: dict[str, str]) -> str:
    actor = get_actor()
    return render_template(
        "account/show.html",
        actor=actor,
        faults=faults,
        password_changed_at=services().passwords.changed_at(actor),
        browsers=services().browsers.of_user(actor),
        this_browser=login_id(),
        identities=services().federation.of_user(actor),
        least=SHORTEST,
    )


def _refuse_difference(new: str, again: str) -> None:
    if new != again:
        raise InvalidInput.of("again", "is not what stands above: type the new password twice, alike.")
