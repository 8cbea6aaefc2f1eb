"""The sockets: `/ws/jobs` for programs, `/live/jobs` and `/live/jobs/<id>` for pages."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from uuid import UUID

from flask import Blueprint, current_app, request
from simple_websocket.errors import ConnectionClosed

from jobsapp.auth.current import (
    admits_guests,
    bearer_token,
    carries_job_token,
    foreign_origin,
    guests_admitted,
    login_id,
)
from jobsapp.core.actors import Guest
from jobsapp.errors import Forbidden, InvalidInput
from jobsapp.extensions import sock
from jobsapp.live.conversation import SteadySocket, Wire, converse, present_reader, say_goodbye
from jobsapp.live.hub import Hub
from jobsapp.live.news import Form
from jobsapp.live.protocol import parse
from jobsapp.live.watcher import Code, Watcher, error_text

log = logging.getLogger(__name__)

HUB = "jobsapp.live"
SUBSCRIPTIONS_LIMIT = 500

blueprint = Blueprint("live", __name__)


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


class Talk:
    """What a client of a socket asks for, and what it has asked for so far."""

    def __init__(self, watcher: Watcher, ws: Wire) -> None:
        self.watcher = watcher
        self.job_ids: set[UUID] = set()
        self._ws = ws

    def watch(self, job_id: UUID) -> None:
        self.job_ids.add(job_id)
        hub().watch(self.watcher, job_id)

    def unwatch(self, job_id: UUID) -> None:
        self.job_ids.discard(job_id)
        hub().unwatch(self.watcher, job_id)

    def hear(self, message: str | bytes) -> None:
        """Do what a JSON client says, or tell it why not."""
        try:
            wish = parse(message)
        except InvalidInput as error:
            self._ws.send(error_text(error.code, error.detail))
            return
        if wish.action == "unsubscribe-job":
            self.unwatch(wish.job_id)
        elif len(self.job_ids) >= SUBSCRIPTIONS_LIMIT:
            text = f"At most {SUBSCRIPTIONS_LIMIT} jobs per socket; ask for all with ?jobs=all."
            self._ws.send(error_text("too-many", text, wish.job_id))
        else:
            self.watch(wish.job_id)


def _serve(ws: Wire, form: Form, begin: Callable[[Talk], None]) -> None:
    """Keep a socket of that form going, from its login to its end."""
    ws.sock = SteadySocket(ws.sock)
    try:
        reader = present_reader()
        if reader is None:
            ws.close(Code.NOT_SIGNED_IN, "Sign in, or send a token")
            return
        if form is Form.JSON and isinstance(reader, Guest):
            form = Form.GUEST_JSON
        _stay(ws, Talk(Watcher(reader, form, ws.event.set, login_id()), ws), begin)
    except ConnectionClosed:
        return
    except OSError:
        # Gone or stuck: nothing more may be sent, or closing would wait as long again.
        with suppress(OSError):
            ws.sock.shutdown(socket.SHUT_RDWR)
    except Exception:
        log.exception("a socket broke")
        with suppress(ConnectionClosed, OSError):
            ws.close(Code.BROKEN, "Something went wrong; connect again")
    finally:
        say_goodbye(ws)


def _stay(ws: Wire, talk: Talk, begin: Callable[[Talk], None]) -> None:
    watcher = talk.watcher
    if not hub().join(watcher) and watcher.closing is not None:
        ws.close(watcher.closing.code, watcher.closing.reason)
        return
    try:
        begin(talk)
        converse(ws, watcher, talk.hear if watcher.form.is_json else lambda _: None)
    finally:
        hub().leave(watcher, talk.job_ids)


def _all(talk: Talk) -> None:
    reader = talk.watcher.reader
    if isinstance(reader, Guest):
        talk.watch(reader.job_id)
    else:
        hub().watch_all(talk.watcher)


@admits_guests
def json_jobs(ws: Wire) -> None:
    """Events as JSON: of the jobs that the client subscribes to, or with `?jobs=all` of all it may see."""
    _serve(ws, Form.JSON, _all if request.args.get("jobs") == "all" else lambda _: None)


def page_jobs(ws: Wire) -> None:
    """Rows for the list of jobs."""
    _serve(ws, Form.ROW, _all)


def page_job(ws: Wire, job_id: UUID) -> None:
    """One job for its page or modal."""
    _serve(ws, Form.PANEL, lambda talk: talk.watch(job_id))


@admits_guests
def shared_job(ws: Wire, **_: str) -> None:
    """The job that a link was shared of. Whose token it is, is asked as everywhere."""
    _serve(ws, Form.SHARED, _all)


sock.route("/ws/jobs", bp=blueprint)(json_jobs)
sock.route("/live/jobs", bp=blueprint, endpoint="page_jobs")(page_jobs)
sock.route("/live/jobs/<uuid:job_id>", bp=blueprint, endpoint="page_job")(page_job)
sock.route("/live/shared/<shared>", bp=blueprint, endpoint="shared_job")(shared_job)
