"""Uploads that are broken off leave nothing behind for ever."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.processes import Processes, descendants, free_port, wait_until

HALF = 300_000
START = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)


@contextmanager
def half_uploaded(port: int, token: str, incoming: Path) -> Iterator[Path]:
    """Half an upload has arrived; leaving the block closes the connection."""
    head = (
        f"POST /api/files HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {2 * HALF}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + START + b"x" * HALF)
        wait_until(lambda: [path for path in incoming.glob("*") if path.stat().st_size > 0], "bytes arrive")
        yield next(incoming.glob("*"))


def test_a_client_that_goes_away_leaves_nothing(settings: Settings, services: Services, admin: Actor) -> None:
    token = services.identity.create_token(admin.email, "tests")
    incoming = settings.files_dir / "incoming"
    port = free_port()
    with Processes(settings) as processes:
        processes.web(port)
        with half_uploaded(port, token, incoming):
            pass
        wait_until(lambda: not list(incoming.glob("*")), "the part is gone")
    assert services.cleanup.count_uploads(days=0) == 0


def test_what_a_killed_web_server_leaves_goes_after_a_day(settings: Settings, services: Services, admin: Actor) -> None:
    token = services.identity.create_token(admin.email, "tests")
    port = free_port()
    with Processes(settings) as processes:
        server = processes.web(port)
        with half_uploaded(port, token, settings.files_dir / "incoming") as part:
            # All at once, as when a host loses power: a worker that outlives its master would tidy up.
            for pid in [*descendants(server.pid), server.pid]:
                os.kill(pid, signal.SIGKILL)
            server.wait(20)
    assert part.exists()
    assert services.cleanup.sweep() == 0
    day_before = time.time() - 25 * 3600
    os.utime(part, (day_before, day_before))
    assert services.cleanup.sweep() == 1
    assert not part.exists()
