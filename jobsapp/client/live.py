"""One live connection: a WebSocket on the client's own connections, so proxies, TLS and time-outs are the same."""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import httpcore2
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import ProtocolError, generate_accept_token

from jobsapp.client.errors import NoSocket, Refused, TimedOut, Unreachable
from jobsapp.client.wire import Wire

READ_BYTES = 64 * 1024
# A job's data and result have a bound; whatever is larger comes from no server of ours.
MESSAGE_BYTES = 64 * 1024 * 1024
# The server asks for a sign of life every 25 s.
SILENCE_SECONDS = 70.0
SWITCHED = 101
# Refusals that say something about who asks, or that may be over a moment later. Others are about sockets as such.
MEANT = frozenset({401, 403, 429, 502, 503, 504})


class Closed(Unreachable):
    """The other side ended the connection. `code`: of RFC 6455, or 1006 if it did not say why."""

    def __init__(self, code: int, reason: str | None) -> None:
        super().__init__(f"The live connection was closed: {reason or code}.")
        self.code = code


class LiveSocket:
    """An open connection."""

    def __init__(self, stream: Any, compression: str) -> None:
        extension = PerMessageDeflate()
        if compression:
            extension.finalize(compression)
        self._stream = stream
        self._protocol = Connection(ConnectionType.CLIENT, [extension] if compression else [])

    def say(self, text: str) -> None:
        """Send a message. Raises Unreachable."""
        self._send(TextMessage(data=text))

    def messages(self, deadline: float | None) -> Iterator[str]:
        """What comes, until the connection ends by Unreachable, or by TimedOut when the clock is at `deadline`."""
        parts: list[str] = []
        heard = time.monotonic()
        while True:
            data = self._read(heard + SILENCE_SECONDS, deadline)
            heard = time.monotonic()
            for event in self._events(data):
                if isinstance(event, TextMessage):
                    parts.append(event.data)
                    if sum(map(len, parts)) > MESSAGE_BYTES:
                        raise Closed(1009, "A message was too large")
                    if event.message_finished:
                        yield "".join(parts)
                        parts = []

    def close(self) -> None:
        """Say goodbye. The connection is the caller's to end."""
        with contextlib.suppress(Unreachable, ProtocolError):
            self._send(CloseConnection(1000))

    def _events(self, data: bytes) -> Iterator[Any]:
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if isinstance(event, CloseConnection):
                    code, reason = event.code, event.reason
                    with contextlib.suppress(Unreachable, ProtocolError):
                        self._send(event.response())
                    raise Closed(code, reason)
                if isinstance(event, Ping):
                    self._send(event.response())
                yield event
        except ProtocolError as error:
            raise Closed(1002, str(error)) from error

    def _read(self, silent_until: float, deadline: float | None) -> bytes:
        end = silent_until if deadline is None else min(silent_until, deadline)
        try:
            data: bytes = self._stream.read(READ_BYTES, timeout=max(end - time.monotonic(), 0.001))
        except httpcore2.ReadTimeout:
            if deadline is not None and deadline < silent_until:
                raise TimedOut("Nothing more came in time.") from None
            raise Closed(1006, "nothing was heard for too long") from None
        except httpcore2.NetworkError as error:
            raise Closed(1006, str(error)) from error
        if not data:
            raise Closed(1006, None)
        return data

    def _send(self, event: Any) -> None:
        try:
            self._stream.write(self._protocol.send(event), timeout=SILENCE_SECONDS)
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            raise Closed(1006, str(error)) from error


@contextlib.contextmanager
def connected(wire: Wire, path: str, deadline: float | None = None) -> Iterator[LiveSocket]:
    """A connection to that path. Raises NoSocket where there can be none, else Refused and Unreachable.

    `deadline`: on the clock, for the handshake; no step of it waits longer.
    """
    usual = wire.http.timeout
    left = {} if deadline is None else dict.fromkeys(("connect", "read"), max(deadline - time.monotonic(), 0.001))
    timeout = wire.timeout(**{step: min(left[step], getattr(usual, step) or left[step]) for step in left})
    key = base64.b64encode(os.urandom(16))
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode(),
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    }
    with contextlib.ExitStack() as stack:
        try:
            response = stack.enter_context(wire.once("GET", path, headers=headers, timeout=timeout))
        except Refused as error:
            if error.status in MEANT:
                raise
            raise NoSocket(f"There is no socket here: {error}") from error
        told = response.headers.get("Sec-WebSocket-Accept", "")
        if response.status_code != SWITCHED or told.encode() != generate_accept_token(key):
            raise NoSocket(f"{response.url} does not open a socket.")
        compression = response.headers.get("Sec-WebSocket-Extensions", "")
        socket = LiveSocket(response.extensions["network_stream"], compression)
        stack.callback(socket.close)
        yield socket
