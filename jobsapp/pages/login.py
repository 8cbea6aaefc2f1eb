"""Signing in with a one-time link, and out again."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import (
    check_csrf,
    find_actor,
    refused_sign_in,
    services,
    sign_in,
    sign_out,
    sign_out_everywhere,
)
from jobsapp.errors import NotSignedIn
from jobsapp.pages.guard import local_path, small

blueprint = Blueprint("login", __name__)

NEXT = "next"


@blueprint.before_request
def _from_our_own_page() -> None:
    small()
    check_csrf()


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    wanted = local_path(request.args.get("next"))
    if find_actor() is not None:
        return redirect(wanted or url_for("jobs.index"))
    if wanted:
        session[NEXT] = wanted
    return render_template("login/show.html")


@blueprint.get("/login/<secret>")
def confirm(secret: str) -> ResponseReturnValue:
    """Asks for one click. A GET must not use the link up: mail scanners and previews open links too."""
    days = services().settings.session_days
    return render_template("login/confirm.html", secret=secret, days=days), {"Referrer-Policy": "no-referrer"}


@blueprint.post("/login/<secret>")
def redeem(secret: str) -> ResponseReturnValue:
    try:
        actor = services().identity.redeem_login_secret(secret)
    except NotSignedIn:
        refused_sign_in()
        raise
    wanted = local_path(session.get(NEXT))
    sign_in(actor)
    return redirect(wanted or url_for("jobs.index"), 303)


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    sign_out()
    return redirect(url_for("login.show"), 303)


@blueprint.post("/logout/everywhere")
def logout_everywhere() -> ResponseReturnValue:
    sign_out_everywhere()
    return redirect(url_for("login.show"), 303)
