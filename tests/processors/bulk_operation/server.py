"""A real server on the loopback that does what its addresses say, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from tests.loopback import Loopback, reply


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float


class Server(Loopback):
    """`/ok`, `/status/N`, `/flaky/KEY` (503 once), `/slow`, `/cut` (no answer), `/busy` (429 once), `/to/…`, `/big`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.seen: Counter[str] = Counter()
        self.pause = 0.0
        self.url = f"http://127.0.0.1:{self.port}"

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        said = json.loads(body) if body else None
        with self.counted():
            with self.lock:
                times = self.seen[request.path] = self.seen[request.path] + 1
                self.asked.append(Asked(request.command, request.path, dict(request.headers), said, time.monotonic()))
            time.sleep(self.pause)
            self._reply(request, times)

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
            case ["echo", *_]:
                body = json.dumps(dict(request.headers)).encode()
            case ["late", number]:
                body = b"x" * int(number) + request.headers["Authorization"].encode() + b"y" * 1000
            case ["moved", where]:
                status, headers = 302, {"Location": unquote(where).replace("SECRET", request.headers["Authorization"])}
            case ["big", *_]:
                body = b"x" * 5_000_000
        reply(request, status, headers, body)
