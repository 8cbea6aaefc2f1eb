"""The actor of the current request, and the services of the current application."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from flask import Request, current_app, g, request, session
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms import ValidationError

from jobsapp.core.actors import Actor
from jobsapp.errors import Forbidden, NotSignedIn
from jobsapp.services import Services

LOGIN = "login"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
CSRF_HEADER = "X-CSRFToken"


def services() -> Services:
    """The use cases of the current application."""
    return cast(Services, current_app.extensions["jobsapp"])


def sign_in(actor: Actor) -> None:
    """Start a session for the actor. The old one ends, and what was in it is dropped."""
    sign_out()
    session[LOGIN] = services().logins.start(actor, request.user_agent.string)
    session.permanent = True


def sign_out() -> None:
    """End the session of this browser, wherever else its cookie may be by now."""
    services().logins.end(session.get(LOGIN, ""))
    session.clear()


def sign_out_everywhere() -> None:
    """End the sessions of all browsers of the user. Raises NotSignedIn."""
    services().logins.end_all(get_actor().user_id)
    session.clear()


def find_actor() -> Actor | None:
    """Who is asking: by `Authorization: Bearer`, otherwise by session. None: nobody signed in.

    Raises NotSignedIn for a token that is not valid: a wrong token never falls back to a session.
    """
    if "actor" not in g:
        token = bearer_token(request)
        login = services().logins.find(session.get(LOGIN, "")) if token is None else None
        g.login_id = login and login.id
        g.actor = (login and login.actor) if token is None else services().identity.actor_for_token(token)
        g.by_token = token is not None
    return cast("Actor | None", g.actor)


def login_id() -> UUID | None:
    """The login session that `find_actor` found. None: a token, or nobody."""
    return cast("UUID | None", g.get("login_id"))


def get_actor() -> Actor:
    """As `find_actor`, but raises NotSignedIn if nobody is signed in."""
    actor = find_actor()
    if actor is None:
        raise NotSignedIn("Send `Authorization: Bearer TOKEN`, or sign in at /login.")
    return actor


def check_csrf() -> None:
    """Refuse a change that another site could have caused: session without a CSRF token. Raises Forbidden.

    A request with a bearer token needs none, because no browser adds one by itself. The header is looked at
    before the form, so that a refused upload is not read.
    """
    if request.method in SAFE_METHODS or g.get("by_token"):
        return
    try:
        validate_csrf(request.headers.get(CSRF_HEADER) or request.form.get("csrf_token"))
    except (ValidationError, CSRFError) as error:
        raise Forbidden(
            "The page is too old or the request came from elsewhere. Reload the page and try again."
        ) from error


def bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
