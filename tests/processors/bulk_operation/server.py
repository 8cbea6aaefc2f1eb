"""A real server on the loopback that does what its addresses say, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float


class Server:
    """`/ok`, `/status/N`, `/flaky/KEY` (503 once), `/slow`, `/cut` (no answer), `/busy` (429 once), `/to/…`, `/big`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.seen: Counter[str] = Counter()
        self.now = self.most = self.connections = 0
        self.lock = threading.Lock()
        self.pause = 0.0
        self.over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                outer.answer(self)

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is what some tests want."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            times = self.seen[request.path] = self.seen[request.path] + 1
            body = json.loads(raw) if raw else None
            self.asked.append(Asked(request.command, request.path, dict(request.headers), body, time.monotonic()))
        try:
            time.sleep(self.pause)
            self._reply(request, times)
        finally:
            with self.lock:
                self.now -= 1

    def _reply(self, request: BaseHTTPRequestHandler, times: int) -> None:
        status, headers, body = 200, {}, b'{"done": true}'
        match request.path.strip("/").split("/"):
            case ["status", number]:
                status, body = int(number), b"no: the price is wrong"
            case ["flaky", *_] if times == 1:
                status = 503
            case ["busy", *_] if times == 1:
                status, headers = 429, {"Retry-After": "1"}
            case ["cut", *_]:
                request.close_connection = True
                request.connection.shutdown(socket.SHUT_RDWR)
                return
            case ["slow", *_]:
                self.over.wait(20)
                return
            case ["to", *rest]:
                status, headers = 302, {"Location": "/".join(rest).replace("http:/", "http://").replace(":///", "://")}
            case ["big", *_]:
                body = b"x" * 5_000_000
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
