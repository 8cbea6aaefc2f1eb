"""The server in this process: requests go to its WSGI application, and through no network."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import Context
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import httpx2

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CHUNK = 64 * 1024


class _Sent(io.RawIOBase):
    """The body of a request, as the application reads it: never all of it in memory."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = part
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Answered(httpx2.SyncByteStream):
    def __init__(self, result: Iterable[bytes]) -> None:
        self._result = result

    def __iter__(self) -> Iterator[bytes]:
        yield from self._result

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


class LocalTransport(httpx2.BaseTransport):
    """As httpx2's WSGITransport, but bodies stream in both directions, and `environ` goes along with each request.

    Each request runs in a context of its own, as on a server, whatever application's context there is outside.
    """

    def __init__(self, app: Application, environ: Mapping[str, Any] | None = None) -> None:
        self._app = app
        self._environ = dict(environ or {})

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], Any]:
            said[:] = [status, headers]
            return lambda _: None

        result = Context().run(self._app, self._read(request), start)
        status, headers = said
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return httpx2.Response(int(status.split()[0]), headers=raw, stream=_Answered(result))

    def _read(self, request: httpx2.Request) -> dict[str, Any]:
        sent = cast(httpx2.SyncByteStream, request.stream)
        path, _, asked = request.url.raw_path.decode("ascii").partition("?")
        environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.url.scheme,
            "wsgi.input": io.BufferedReader(_Sent(sent), CHUNK),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": asked,
            "SERVER_NAME": request.url.host,
            "SERVER_PORT": str(request.url.port or (443 if request.url.scheme == "https" else 80)),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        return environ | self._environ
