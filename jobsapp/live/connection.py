"""One client's connection after the handshake. Only the switchboard's thread touches it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from jobsapp.live.message import frame
from jobsapp.live.watcher import Watcher

# Each message is compressed by itself: made once, it goes to all, and no socket holds 300 KB for what came before.
COMPRESSION = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
MESSAGE_BYTES = 64 * 1024
READ_BYTES = 4096
TOO_LARGE = 1009
# More waits in our mailbox, where newer states replace it, than in the system's buffers.
UNSENT_BYTES = 128 * 1024
LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Gone(Exception):
    """The client is not there any more, or speaks another language."""


class Connection:
    """`hear` gets what the client says and returns the answer, if there is one. `over`: set at the end."""

    def __init__(
        self,
        raw: socket.socket,
        watcher: Watcher,
        hear: Callable[[str | bytes], str | None],
        *,
        compresses: bool,
        over: threading.Event | None = None,
    ) -> None:
        compression = PerMessageDeflate()
        compression.finalize(COMPRESSION)
        self.raw = raw
        self.watcher = watcher
        self.over = over
        self.heard = True
        self.ended = False
        self.blocked_since: float | None = None
        self._hear = hear
        self._compresses = compresses
        self._protocol = Protocol(ConnectionType.SERVER, [compression] if compresses else [])
        self._unsent: memoryview | bytes = b""
        self._parts: list[str | bytes] = []
        self._size = 0
        raw.setblocking(False)
        # A proxy's or a test's socket may be of another kind.
        with suppress(OSError, AttributeError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    @property
    def closing(self) -> bool:
        """Whether the goodbye has been said, by us at least."""
        return self._protocol.state is not ConnectionState.OPEN

    def read(self) -> None:
        """Hear what the client has to say. Raises Gone, also when it has said goodbye."""
        data = self._receive()
        while data is not None:
            self.heard = True
            try:
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    self._answer(event)
            except (LocalProtocolError, RemoteProtocolError) as error:
                raise Gone from error
            # What TLS has read already no selector tells of.
            data = self._receive() if isinstance(self.raw, ssl.SSLSocket) else None

    def write(self) -> None:
        """Send what waits, as much as the client takes, and say goodbye when it is time. Raises Gone."""
        self._flush()
        while not self._unsent and not self.closing:
            bundle = self.watcher.take()
            if bundle is not None:
                self._send(bundle.compressed if self._compresses else bundle.plain)
            elif self.watcher.closing is not None:
                self.say_goodbye(self.watcher.closing.code, self.watcher.closing.reason)
            else:
                return

    def ping(self) -> None:
        """Ask for a sign of life. Raises Gone."""
        self.heard = False
        if not self.closing:
            self._send(self._protocol.send(Ping()))

    def say_goodbye(self, code: int, reason: str) -> None:
        """Raises Gone."""
        self._send(self._protocol.send(CloseConnection(code, reason)))

    def end(self) -> None:
        self.ended = True
        with suppress(OSError):
            self.raw.shutdown(socket.SHUT_RDWR)
        self.raw.close()
        if self.over:
            self.over.set()

    def _receive(self) -> bytes | None:
        """None: nothing now."""
        try:
            data = self.raw.recv(READ_BYTES)
        except LATER:
            return None
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def _answer(self, event: object) -> None:
        if isinstance(event, Ping):
            if not self.closing:
                self._send(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            # Open, if what came was no WebSocket's frame.
            if self._protocol.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                self._send(self._protocol.send(event.response()))
            raise Gone
        elif isinstance(event, TextMessage | BytesMessage):
            self._gather(event)

    def _gather(self, event: TextMessage | BytesMessage) -> None:
        """Put a message together from its parts."""
        if self.closing:
            return
        self._size += len(event.data)
        if self._size > MESSAGE_BYTES:
            self.say_goodbye(TOO_LARGE, f"At most {MESSAGE_BYTES} bytes a message")
            return
        self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if event.message_finished:
            whole = self._parts[0][:0].join(self._parts)  # type: ignore[arg-type]
            self._parts, self._size = [], 0
            answer = self._hear(whole)
            if answer is not None:
                self._send(frame(answer))

    def _send(self, data: bytes) -> None:
        self._unsent = b"".join((self._unsent, data)) if self._unsent else data
        self._flush()

    def _flush(self) -> None:
        while self._unsent:
            try:
                taken = self.raw.send(self._unsent)
            except LATER:
                self.blocked_since = self.blocked_since or time.monotonic()
                return
            except OSError as error:
                raise Gone from error
            self._unsent = memoryview(self._unsent)[taken:]
            self.blocked_since = None
        self._unsent = b""
