"""Who asks in the current request, and the services of the current application.

`get_actor` gives a user and refuses everybody else. A token for one job makes a guest, no actor: only views that are
marked with `admits_guests` let one in, and they ask `get_reader`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from flask import Request, current_app, g, request, session
from flask_wtf.csrf import CSRFError, validate_csrf
from wtforms import ValidationError

from jobsapp.core.actors import Actor, Guest, Reader
from jobsapp.core.rights import Right, Role, rights_of
from jobsapp.errors import Forbidden, NotSignedIn
from jobsapp.services import Services
from jobsapp.services.job_tokens import EMBED, SHARE, is_job_token
from jobsapp.services.tokens import may_make_tokens

LOGIN = "login"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
CSRF_HEADER = "X-CSRFToken"
# Browsers let no page set a header of a socket's handshake, but name protocols: ours carries the token. It is never
# answered, and is in no address, which servers and proxies would write down.
PROTOCOL = "jobsapp"
TOKEN_PROTOCOL = "jobsapp.token."  # noqa: S105 - the beginning of one
# The part of an address that is a token, in views that are marked.
SHARED = "shared"
# In the environment of a request that was made inside of this process, by a command: the actor that it acts for.
# Servers make no such key of what a client sends. If one did, a text would come of it, and never an actor.
CALLER = "jobsapp.caller"

View = TypeVar("View", bound=Callable[..., Any])


def admits_guests(view: View) -> View:
    """Mark a view that lets in who holds a token for one job, also from a page of another origin. It asks
    `get_reader`."""
    view.admits_guests = True  # type: ignore[attr-defined]
    return view


def guests_admitted() -> bool:
    """Whether the view that is asked for is marked."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "admits_guests", False)


def any_origin_admitted() -> bool:
    """Whether pages of other origins may read the answer: as guests, but not what stands behind a shared link."""
    return guests_admitted() and SHARED not in (request.view_args or {})


def services() -> Services:
    """The use cases of the current application."""
    return cast(Services, current_app.extensions["jobsapp"])


def sign_in(actor: Actor, by: str | None = None) -> None:
    """Start a session for the actor. The old one ends, and what was in it is dropped. `by`: see `Logins.start`."""
    sign_out()
    here, agent = replace(actor, address=request.remote_addr), request.user_agent.string
    session[LOGIN] = services().logins.start(here, agent, by=by)
    session.permanent = True


def sign_out(*, told: bool = False) -> None:
    """End the session of this browser, wherever else its cookie may be by now. `told`: in the audit log."""
    services().logins.end(session.get(LOGIN, ""), told=told, address=request.remote_addr)
    session.clear()


def sign_out_everywhere() -> None:
    """End the sessions of all browsers of the user. Raises NotSignedIn, and Forbidden as `get_owner`."""
    services().logins.end_all(get_owner().user_id, by=get_owner())
    session.clear()


def refused_sign_in(email: str = "") -> None:
    """Let the audit log tell that somebody could not sign in. `email`: as whom they tried to."""
    services().audit.refused_sign_in(email, request.remote_addr)


def find_actor() -> Actor | None:
    """Who is asking: by `Authorization: Bearer`, otherwise by session. None: nobody signed in.

    Raises NotSignedIn for a token that is not valid: a wrong token never falls back to a session; and Forbidden for one
    that reads a single job.
    """
    if "actor" not in g and (caller := caller_inside()) is not None:
        g.actor, g.login_id, g.by_token = caller, None, True
        _bind(caller)
    if "actor" not in g:
        token = bearer_token(request)
        if token is not None and is_job_token(token):
            raise Forbidden(
                "This token reads one job, its files and its live events; for all else use one of your own."
            )
        login = services().logins.find(session.get(LOGIN, "")) if token is None else None
        g.login_id = login and login.id
        g.organizations = login.organizations if login else {}
        actor = (login and login.actor) if token is None else _by_token(token)
        g.actor = actor and replace(actor, address=actor.address or request.remote_addr)
        g.by_token = token is not None
        _bind(g.actor)
    return cast("Actor | None", g.actor)


def caller_inside() -> Actor | None:
    """Whom a request acts for that was made in this process. None: it came from elsewhere."""
    caller = request.environ.get(CALLER)
    return caller if isinstance(caller, Actor) else None


def _by_token(token: str) -> Actor:
    """Who a token speaks for. One that only reads changes nothing, whatever is asked for and whoever asks by it."""
    actor = services().identity.actor_for_token(token, request.remote_addr)
    if request.method not in SAFE_METHODS and Right.CREATE not in rights_of(Role.ADMIN, actor.scopes):
        raise Forbidden("This token has the scope read and changes nothing. Use one that has the scope jobs, or more.")
    return actor


def login_id() -> UUID | None:
    """The login session that `find_actor` found. None: a token, or nobody."""
    return cast("UUID | None", g.get("login_id"))


def organizations() -> dict[UUID, str]:
    """The names, by id, of the organisations that the signed-in user may switch between. Asks nobody."""
    return cast("dict[UUID, str]", g.get("organizations", {}))


def enter(organization_id: UUID) -> None:
    """Go on in another organisation of the user, in a new session. Raises NotSignedIn, NotFound, and Forbidden for a
    token, which would become more than it is.

    So a page of the former one, which may still be open, changes nothing in the other.
    """
    actor = get_actor()
    if login_id() is None:
        raise Forbidden("Who is signed in with a browser goes to another organisation. A token stays in its own.")
    sign_in(services().organizations.entered(actor, organization_id), "another organisation")


def get_actor() -> Actor:
    """As `find_actor`, but raises NotSignedIn if nobody is signed in."""
    actor = find_actor()
    if actor is None:
        raise NotSignedIn("Send `Authorization: Bearer TOKEN`, or sign in at /login.")
    return actor


def get_owner() -> Actor:
    """As `get_actor`, for what is the user's alone, such as logins and passwords.

    Raises Forbidden for a token that may not do all that its user may.
    """
    actor = get_actor()
    if not may_make_tokens(actor):
        raise Forbidden("This token may not do that: it needs the scope admin. Or sign in yourself.")
    return actor


def find_reader() -> Reader | None:
    """Who is asking, guests included. None: nobody, or a page of another origin without a token.

    Raises NotSignedIn as `find_actor`, and for a token of one job that is unknown, revoked or expired.
    """
    held = _job_token()
    if held is None:
        # Elsewhere the browser keeps the answer from that page. Here it would not.
        return None if guests_admitted() and foreign_origin() and bearer_token(request) is None else find_actor()
    if "guest" not in g:
        g.guest = services().job_tokens.find(*held)
        g.login_id = g.guest and g.guest.token_id
        _bind(g.guest)
    if g.guest is None:
        raise NotSignedIn(
            "The token of this job is unknown, revoked or expired. Ask whoever gave it to you for a new one."
        )
    return cast(Guest, g.guest)


def get_reader() -> Reader:
    """As `find_reader`, but raises NotSignedIn if nobody is signed in."""
    reader = find_reader()
    if reader is None:
        raise NotSignedIn("Send `Authorization: Bearer TOKEN`, or sign in at /login.")
    return reader


def forget_reader() -> None:
    """Let the next question who asks be answered anew."""
    services().bounds.clear()
    g.pop("actor", None)
    g.pop("guest", None)


def _bind(reader: Reader | None) -> None:
    """All that the request asks of the database from now on is bounded by who that is."""
    if reader is not None:
        services().bounds.bind(reader)


def foreign_origin() -> bool:
    """Whether a page of another origin asks. Browsers say so of every request whose answer it could read."""
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(services().settings.base_url).netloc}
    return origin is not None and _host_in(origin) not in ours


def _host_in(origin: str) -> str | None:
    """None: it is no address, which no browser sends."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


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


def carried_token() -> str | None:
    """The token that came with the request, of whatever kind and wherever in it, valid or not."""
    held = _job_token()
    return bearer_token(request) if held is None else held[0]


def carries_job_token() -> bool:
    """Whether the request comes with a token for one job, valid or not."""
    return _job_token() is not None


def _job_token() -> tuple[str, str] | None:
    """The token for one job that came with the request, and of which kind it has to be."""
    address = (request.view_args or {}).get(SHARED)
    if address is not None:
        return str(address), SHARE
    offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    named = next((one.removeprefix(TOKEN_PROTOCOL) for one in offered if one.startswith(TOKEN_PROTOCOL)), None)
    token = bearer_token(request) or named
    return (token, EMBED) if token is not None and is_job_token(token) else None
