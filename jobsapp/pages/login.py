"""Signing in, by password, one-time link or OpenID provider, and out again."""

from __future__ import annotations

from flask import Blueprint, abort, make_response, redirect, render_template, request, session, url_for
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
from jobsapp.auth.oidc import Provider, find_provider
from jobsapp.core.actors import Actor
from jobsapp.errors import JobsappError, NotSignedIn, TooManyTries
from jobsapp.pages.guard import local_path, small

blueprint = Blueprint("login", __name__)

NEXT = "next"
ERROR = "login_error"


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
    return _page(error=session.pop(ERROR, ""))


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    email = request.form.get("email", "")
    try:
        actor = services().passwords.check(email, request.form.get("password", ""), request.remote_addr or "")
    except (NotSignedIn, TooManyTries) as error:
        if isinstance(error, NotSignedIn):
            refused_sign_in(email)
        answer = make_response(_page(email=email, error=error.detail), error.status)
        if isinstance(error, TooManyTries):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    return _welcome(actor, "password")


@blueprint.get("/login/oidc")
def oidc() -> ResponseReturnValue:
    """A link, not a form: no form may lead to another site, and nothing is changed here."""
    try:
        return _provider().begin()
    except NotSignedIn as error:
        return _not_in(error)


@blueprint.get("/login/oidc/callback")
def oidc_back() -> ResponseReturnValue:
    try:
        actor = services().federation.sign_in(_provider().person(), request.remote_addr)
    except NotSignedIn as error:
        refused_sign_in()
        return _not_in(error)
    return _welcome(actor, services().settings.oidc_name)


@blueprint.get("/login/<secret>")
def confirm(secret: str) -> ResponseReturnValue:
    """Asks for one click. A GET must not use the link up: mail scanners and previews open links too."""
    days = services().settings.session_days
    return render_template("login/confirm.html", secret=secret, days=days), {"Referrer-Policy": "no-referrer"}


@blueprint.post("/login/<secret>")
def redeem(secret: str) -> ResponseReturnValue:
    try:
        with services().throttle.attempt(request.remote_addr or ""):
            actor = services().identity.redeem_login_secret(secret)
    except NotSignedIn:
        refused_sign_in()
        raise
    return _welcome(actor, "link")


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    sign_out(told=True)
    return redirect(url_for("login.show"), 303)


@blueprint.post("/logout/everywhere")
def logout_everywhere() -> ResponseReturnValue:
    sign_out_everywhere()
    return redirect(url_for("login.show"), 303)


def _page(*, email: str = "", error: str = "") -> str:
    return render_template("login/show.html", email=email, error=error, provider=find_provider())


def _welcome(actor: Actor, by: str) -> ResponseReturnValue:
    """A session of its own, and on to the page that was asked for."""
    wanted = local_path(session.get(NEXT))
    sign_in(actor, by)
    return redirect(wanted or url_for("jobs.index"), 303)


def _not_in(error: JobsappError) -> ResponseReturnValue:
    """The sentence stands on the page of signing in, not under an address that cannot be loaded again."""
    session[ERROR] = error.detail[:1].upper() + error.detail[1:]
    return redirect(url_for("login.show"), 303)


def _provider() -> Provider:
    return find_provider() or abort(404)
