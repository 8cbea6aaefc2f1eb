"""The sockets: `/ws/jobs` for programs; `/live/jobs`, `/live/jobs/<id>` and `/live/tray` for pages."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast
from uuid import UUID

from flask import Blueprint, current_app, request

from jobsapp.auth.current import (
    PROTOCOL,
    admits_guests,
    bearer_token,
    carries_job_token,
    find_reader,
    foreign_origin,
    guests_admitted,
    login_id,
    services,
)
from jobsapp.core.actors import Actor, Guest, Reader
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import ids_in
from jobsapp.errors import Forbidden, NotSignedIn
from jobsapp.extensions import db, sock
from jobsapp.live.connection import COMPRESSION, Connection
from jobsapp.live.hub import Hub
from jobsapp.live.news import Form
from jobsapp.live.talk import Talk
from jobsapp.live.watcher import Code, Watcher

HUB = "jobsapp.live"
# For sockets that are only told why they are closed.
NOBODY = Actor(UUID(int=0), UUID(int=0), "", "member")
TRAY_LIMIT = 8

blueprint = Blueprint("live", __name__)


class NoThread:
    """What simple-websocket gets in place of a thread for each socket: the switchboard reads them all."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        pass

    def start(self) -> None:
        pass


OPTIONS = {"thread_class": NoThread, "subprotocols": PROTOCOL}


class Wire(Protocol):
    """What is used of simple-websocket's server side, after its handshake."""

    sock: socket.socket
    connected: bool


def hub() -> Hub:
    """The hub of the current application."""
    return cast(Hub, current_app.extensions[HUB])


@blueprint.before_request
def same_origin() -> None:
    """Refuse other sites' pages, before the handshake. Only a program with a token may come without an origin.

    With a token for one job a page may come from anywhere: the token is the right, and a cookie does not count.
    """
    if carries_job_token():
        if not guests_admitted():
            raise Forbidden("With a token for one job, connect to /ws/jobs.")
        return
    if "Origin" not in request.headers and bearer_token(request) is not None:
        return
    if "Origin" not in request.headers or foreign_origin():
        raise Forbidden("Sockets are for this site's own pages, and for programs with a token.")


@blueprint.before_request
def settle_compression() -> None:
    """Leave only our kind of compression to agree on, if the client knows it at all."""
    offered = request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", "")
    if "permessage-deflate" in offered:
        request.environ["HTTP_SEC_WEBSOCKET_EXTENSIONS"] = COMPRESSION


def _serve(ws: Wire, form: Form, begin: Callable[[Talk], None]) -> None:
    """See who it is, and hand the socket over to the hub, which keeps it until its end."""
    try:
        watcher = _watcher(_present_reader(), form)
    finally:
        db.session.remove()
    # TLS that this process speaks itself cannot change hands: such a socket holds its request's thread.
    over = threading.Event() if isinstance(ws.sock, ssl.SSLSocket) else None
    raw = ws.sock if over else take_over(ws.sock)
    # Or flask-sock would say goodbye for us.
    ws.connected = False
    talk = Talk(hub(), watcher)
    compresses = "HTTP_SEC_WEBSOCKET_EXTENSIONS" in request.environ
    hub().adopt(Connection(raw, watcher, talk.hear, compresses=compresses, over=over), partial(begin, talk))
    if over:
        over.wait()


def _watcher(reader: Reader | None, form: Form) -> Watcher:
    if isinstance(reader, Guest):
        return Watcher(reader, Form.GUEST_JSON if form is Form.JSON else form)
    wanted = _wanted(reader) if reader and form is Form.ROW else None
    watcher = Watcher(reader or NOBODY, form, login_id=login_id(), token=bearer_token(request), wanted=wanted)
    if reader is None:
        watcher.close(Code.NOT_SIGNED_IN, "Sign in, or send a token")
    return watcher


def take_over(served: socket.socket) -> socket.socket:
    """The connection as a socket of ours. The web server keeps a dead one to close, and its thread is free again."""
    ours = socket.socket(fileno=served.detach())
    dead, other = socket.socketpair()
    other.close()
    type(served).__init__(served, fileno=dead.detach())
    return ours


def _present_reader() -> Reader | None:
    try:
        return find_reader()
    except NotSignedIn:
        return None


def _wanted(actor: Actor) -> JobFilter:
    """The filter of the page, read as the page reads it."""
    return services().filters.read(actor, request.args).wanted


def _all(talk: Talk) -> None:
    reader = talk.watcher.reader
    if isinstance(reader, Guest):
        talk.watch(reader.job_id)
    else:
        talk.watch_all()


@admits_guests
def json_jobs(ws: Any) -> None:
    """Events as JSON: of the jobs that the client subscribes to, or with `?jobs=all` of all it may see."""
    _serve(ws, Form.JSON, _all if request.args.get("jobs") == "all" else lambda _: None)


def page_jobs(ws: Any) -> None:
    """Rows for the list of jobs."""
    _serve(ws, Form.ROW, _all)


def page_job(ws: Any, job_id: UUID) -> None:
    """One job for its page or modal."""
    _serve(ws, Form.PANEL, lambda talk: talk.watch(job_id))


def page_tray(ws: Any) -> None:
    """The minimised jobs in `?jobs=id,id`, over one socket."""
    job_ids = ids_in(request.args.get("jobs", ""), TRAY_LIMIT)

    def begin(talk: Talk) -> None:
        for job_id in job_ids:
            talk.watch(job_id)

    _serve(ws, Form.TRAY, begin)


@admits_guests
def shared_job(ws: Any, **_: str) -> None:
    """The job that a link was shared of. Whose token it is, is asked as everywhere."""
    _serve(ws, Form.SHARED, _all)


sock.route("/ws/jobs", bp=blueprint)(json_jobs)
sock.route("/live/jobs", bp=blueprint, endpoint="page_jobs")(page_jobs)
sock.route("/live/jobs/<uuid:job_id>", bp=blueprint, endpoint="page_job")(page_job)
sock.route("/live/tray", bp=blueprint, endpoint="page_tray")(page_tray)
sock.route("/live/shared/<shared>", bp=blueprint, endpoint="shared_job")(shared_job)
