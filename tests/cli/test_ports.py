from __future__ import annotations

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from jobsapp.cli import ports
from jobsapp.config import authority
from jobsapp.errors import ConfigError


def test_a_taken_port_is_told_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            ports.require_free("127.0.0.1", port)
    assert caught.value.detail == (
        f"Port {port} is taken by another program: stop that, or choose another with JOBSAPP_PORT."
    )
    ports.require_free("127.0.0.1", port)


def test_a_foreign_address_is_told() -> None:
    with pytest.raises(ConfigError, match=r"JOBSAPP_HOST='192\.0\.2\.1' is not an address of this machine"):
        ports.require_free("192.0.2.1", 8000)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen anywhere")
def test_a_port_for_root_is_told() -> None:
    with pytest.raises(ConfigError, match="needs more rights"):
        ports.require_free("127.0.0.1", 80)


def test_addresses() -> None:
    assert authority("127.0.0.1", 8000) == "127.0.0.1:8000"
    assert authority("::1", 8000) == "[::1]:8000"


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_an_answer_of_200(status: int, ready: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert ports.is_ready("0.0.0.0", port) is ready
        thread.join()
    assert not ports.is_ready("127.0.0.1", port)
