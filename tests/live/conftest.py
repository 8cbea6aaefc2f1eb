"""A real web server on a free port, and clients of its sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from simple_websocket import Client, ConnectionClosed
from werkzeug.serving import make_server
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Event as WsEvent
from wsproto.events import TextMessage
from wsproto.extensions import PerMessageDeflate

from jobsapp.auth.current import LOGIN
from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.live.hub import redis_connection
from jobsapp.live.sockets import HUB
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.api.conftest import Hand, hand

__all__ = ["Hand", "hand"]

DEADLINE = 30.0


class Caller(Client):
    """A client that loses nothing: simple-websocket's own drops what comes in one piece with the handshake's answer."""

    def handshake(self) -> None:
        whole, self.receive_bytes = self.receive_bytes, 1
        super().handshake()
        self.receive_bytes = whole


class Page:
    """A client that waits for what it expects, with a deadline."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def text(self) -> str:
        message = self.client.receive(timeout=DEADLINE)
        assert isinstance(message, str), "nothing came"
        return message

    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.text())
        return told

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that is wanted."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if wanted(event := self.event()):
                return event
        raise AssertionError("the event did not come")

    def nothing(self, seconds: float = 0.3) -> None:
        """Nothing comes for a while."""
        assert self.client.receive(timeout=seconds) is None

    def say(self, action: str, job_id: object, key: str = "jobId") -> None:
        self.client.send(json.dumps({"action": action, key: str(job_id)}))

    def closed(self) -> int:
        """The code that the server closes with; what comes before is dropped."""
        deadline = time.monotonic() + DEADLINE
        try:
            while time.monotonic() < deadline:
                self.client.receive(timeout=DEADLINE)
        except ConnectionClosed as ended:
            return int(ended.reason)
        raise AssertionError("the socket stayed open")


class Raw:
    """A client that does only what it is told: it answers no ping, and reads when it likes."""

    def __init__(self, host: str, path: str, headers: dict[str, str], *, compresses: bool = False) -> None:
        name, port = host.split(":")
        self.sock = socket.create_connection((name, int(port)), timeout=DEADLINE)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"] if compresses else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.sock.recv(1)
        self.answer = head.decode()
        assert " 101 " in self.answer
        extension = PerMessageDeflate()
        extension.finalize("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        self.protocol = Connection(ConnectionType.CLIENT, [extension] if compresses else [])

    def say(self, message: WsEvent) -> None:
        self.sock.sendall(self.protocol.send(message))

    def events(self) -> Iterator[WsEvent]:
        """What the server says, until it hangs up."""
        while data := self.sock.recv(1 << 16):
            self.protocol.receive_data(data)
            yield from self.protocol.events()

    def texts(self) -> Iterator[str]:
        parts: list[str] = []
        for event in self.events():
            if isinstance(event, TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    yield "".join(parts)
                    parts = []


class Site:
    """The server under test, and the way in for each user."""

    def __init__(self, app: OpenAPI, services: Services, port: int) -> None:
        self.app = app
        self.hub = app.extensions[HUB]
        self.services = services
        self.host = f"127.0.0.1:{port}"
        # The test client leaves the port out of its Host header.
        self.origin = "http://127.0.0.1"
        self._pages: list[Page] = []
        self._raws: list[Raw] = []

    def open(self, actor: Actor | None, path: str = "/ws/jobs", **headers: str) -> Page:
        if actor is not None:
            headers["Authorization"] = "Bearer " + self.services.identity.create_token(actor.email, "live")
        page = Page(Caller.connect(f"ws://{self.host}{path}", headers=headers))
        self._pages.append(page)
        return page

    def raw(self, actor: Actor, path: str = "/ws/jobs", **options: bool) -> Raw:
        token = self.services.identity.create_token(actor.email, "raw")
        raw = Raw(self.host, path, {"Authorization": f"Bearer {token}"}, **options)
        self._raws.append(raw)
        return raw

    def refusal(self, path: str = "/ws/jobs", **headers: str) -> int:
        """The status of a handshake that is refused."""
        connection = HTTPConnection(self.host, timeout=DEADLINE)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        connection.request("GET", path, headers=upgrade | {"Sec-WebSocket-Key": "x" * 22 + "=="} | headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def cookie(self, actor: Actor) -> str:
        client = self.app.test_client()
        with client.session_transaction() as session:
            session[LOGIN] = self.services.logins.start(actor)
        cookie = client.get_cookie("jobsapp_session")
        assert cookie is not None
        return f"{cookie.key}={cookie.value}"

    def close(self) -> None:
        for raw in self._raws:
            raw.sock.close()
        for page in self._pages:
            if page.client.connected:
                page.client.close()
            page.client.sock.close()
            page.client.thread.join(DEADLINE)
        self.hub.stop()


@pytest.fixture
def site(cold_site: Site) -> Site:
    """A site whose hub hears Redis, and has looked once at what it may have missed before."""
    hub = cold_site.hub
    looked = threading.Event()
    missed = hub._missed

    def look() -> None:
        missed()
        looked.set()

    hub._missed = look
    with hub._changed:
        hub._start()
    assert looked.wait(DEADLINE)
    return cold_site


@pytest.fixture
def cold_site(app: OpenAPI, services: Services) -> Iterator[Site]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    # Joined on closing: none may hold a connection to the database when the application lets go of it.
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    site = Site(app, services, server.port)
    yield site
    site.close()
    server.shutdown()
    thread.join(DEADLINE)
    server.server_close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.01)


@pytest.fixture
def hints(settings: Settings) -> Hints:
    return Hints(redis_connection.hints(settings.redis_url))


def create(site: Site, actor: Actor, job_type: str = "echo") -> Job:
    job, _ = site.services.jobs.create(actor, NewJob(job_type, {}))
    return job


def changed(hints: Hints, job: Job, event: Event = Event.UPDATE) -> None:
    assert hints.publish([JobChanged(job.id, job.organization_id, event, 0)])
