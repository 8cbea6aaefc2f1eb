"""What only the real web server can show: closing at shutdown, a client that does not read, an upload too large."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.extensions import db
from jobsapp.live import gunicorn as hooks
from jobsapp.live.hub import redis_connection
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.live.conftest import DEADLINE, Caller, Hand, Page, wait_for

ROOT = Path(__file__).parents[2]


class Web:
    """gunicorn with one worker, as `flask up` runs it, or of another class."""

    def __init__(self, settings: Settings, folder: Path, worker_class: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            **os.environ,
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "JOBSAPP_DATA_DIR": str(settings.data_dir),
            "JOBSAPP_PROCESSORS": settings.processors,
            "JOBSAPP_SECRET_KEY": settings.secret_key,
            "JOBSAPP_MAX_UPLOAD_MB": "1",
            "JOBSAPP_WEB_THREADS": "8",
            "JOBSAPP_WEB_SOCKETS": "40",
        }
        options = f"--worker-class {worker_class} --threads 8 --bind 127.0.0.1:{self.port} --graceful-timeout 20"
        command = [sys.executable, "-m", "gunicorn", *options.split(), "--no-control-socket"]
        command += ["--config", str(ROOT / "jobsapp" / "live" / "gunicorn.py"), "app:app"]
        self.log = folder / "web.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz") == 200
        except OSError:
            return False

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["gthread", "gevent"])
def web(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Web]:
    web = Web(settings, tmp_path, request.param)
    try:
        deadline = time.monotonic() + 60
        while not web.ready():
            assert time.monotonic() < deadline, web.log.read_text()
        yield web
    finally:
        web.stop()


@pytest.fixture
def headers(services: Services, member: Actor) -> dict[str, str]:
    return {"Authorization": "Bearer " + services.identity.create_token(member.email, "web")}


def test_what_was_loaded_is_never_looked_through_for_garbage() -> None:
    """It is a tenth of a second of everybody's time."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        hooks.post_worker_init(None)
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
        signal.signal(signal.SIGTERM, before)


def connect(web: Web, headers: dict[str, str], path: str, **more: Any) -> Page:
    return Page(Caller.connect(f"ws://127.0.0.1:{web.port}{path}", headers=headers, **more))


def end(page: Page) -> None:
    page.client.sock.close()
    page.client.thread.join(DEADLINE)


def wait_for_job(web: Web, services: Services, actor: Actor, job_id: UUID) -> HTTPConnection:
    """A request that waits for a job. Returns once it has begun."""
    headers = {"Authorization": "Bearer " + services.identity.create_token(actor.email, "waits"), "Prefer": "wait=60"}
    connection = HTTPConnection("127.0.0.1", web.port, timeout=DEADLINE)
    connection.request("GET", f"/api/jobs/{job_id}", headers=headers)

    def begun() -> bool:
        db.session.remove()
        return any(token.last_used_at for token in services.identity.tokens() if token.name == "waits")

    wait_for(begun)
    return connection


def test_sigterm_closes_sockets_with_1012_and_answers_who_waits_at_once(
    web: Web, services: Services, member: Actor, headers: dict[str, str]
) -> None:
    job_id = services.jobs.create(member, NewJob("echo", {}))[0].id
    waiting = wait_for_job(web, services, member, job_id)
    pages = [connect(web, headers, path) for path in ("/ws/jobs?jobs=all", "/live/jobs", f"/live/jobs/{job_id}")]
    for page in pages:
        page.text()
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)
    assert [page.closed() for page in pages] == [1012, 1012, 1012]
    assert waiting.getresponse().status == 200
    assert web.process.wait(DEADLINE) == 0
    # Less than the graceful time-out: nothing held the worker.
    assert time.monotonic() - began < 15
    waiting.close()
    for page in pages:
        end(page)
    assert "Traceback" not in web.log.read_text()


def test_a_client_that_does_not_read_delays_nobody(
    web: Web, services: Services, member: Actor, headers: dict[str, str], hand: Hand, settings: Settings
) -> None:
    hints = Hints(redis_connection.hints(settings.redis_url))
    job, _ = services.jobs.create(member, NewJob("echo", {"text": "x" * 500_000}))
    stuck = socket.create_connection(("127.0.0.1", web.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lines = ["GET /ws/jobs?jobs=all HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    stuck.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    page = connect(web, headers, "/ws/jobs?jobs=all", receive_bytes=1 << 20)
    page.text()
    claimed = hand.claim()
    slowest = 0.0
    for step in range(1, 16):
        hand.pulse(claimed, step, 15)
        began = time.monotonic()
        hints.publish([JobChanged(job.id, job.organization_id, Event.UPDATE, 0)])
        page.until(lambda told, step=step: told["job"]["progress"]["current"] == step)  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5
    stuck.close()
    page.client.close()
    end(page)


@pytest.mark.parametrize("megabytes", [3, 80])
def test_too_large_an_upload_gets_its_answer(
    web: Web, headers: dict[str, str], megabytes: int, settings: Settings
) -> None:
    """A client that sends everything before it reads, as browsers do, reads the answer and no broken connection."""
    boundary = "b0undary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'.encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    size = megabytes * 1024 * 1024
    connection = HTTPConnection("127.0.0.1", web.port, timeout=30)
    connection.putrequest("POST", "/api/files")
    for name, value in {
        **headers,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(head)
    for _ in range(megabytes):
        connection.send(b"x" * 1024 * 1024)
    connection.send(tail)
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"1 MiB" in answer.read()
    connection.close()
    assert [path for path in settings.files_dir.rglob("*") if path.is_file()] == []


def test_requests_are_answered_while_sockets_are_open(web: Web, headers: dict[str, str]) -> None:
    """Eight threads hold 40 sockets; more are refused, and pages still come."""
    pages = [connect(web, headers, "/ws/jobs") for _ in range(50)]
    wait_for(lambda: sum(not page.client.connected for page in pages) >= 10)
    assert web.get("/healthz") == 200
    assert [page.client.connected for page in pages].count(True) == 40
    for page in pages:
        if page.client.connected:
            page.client.close()
        end(page)
