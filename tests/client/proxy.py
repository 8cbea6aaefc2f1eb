"""What stands between a client and its server, and does to connections what networks do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection

CHUNK = 64 * 1024
Plan = Callable[["Link"], None]


class Link:
    """One connection of a client, and the one to the server that goes with it."""

    def __init__(self, client: socket.socket, port: int) -> None:
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", port))
        # The beginning of what the client said.
        self.said = b""
        self.leaves_out = b""

    def up(self) -> None:
        """Pass on what the client sends."""
        with suppress(OSError):
            while data := self.client.recv(CHUNK):
                self.said = (self.said + data)[:CHUNK]
                self.server.sendall(data.replace(self.leaves_out, b"") if self.leaves_out else data)
        self.end()

    def down(self, limit: int | None = None) -> None:
        """Pass on what the server sends, `limit` bytes at most, and hang up."""
        passed = 0
        with suppress(OSError):
            while limit is None or passed < limit:
                data = self.server.recv(CHUNK if limit is None else min(CHUNK, limit - passed))
                if not data:
                    break
                self.client.sendall(data)
                passed += len(data)
        self.end()

    def head(self) -> bytes:
        """The first request as it comes, up to the end of its head."""
        while b"\r\n\r\n" not in self.said and (data := self.client.recv(CHUNK)):
            self.said += data
        return self.said

    def end(self) -> None:
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def passes(link: Link) -> None:
    threading.Thread(target=link.up, daemon=True).start()
    link.down()


def slams(link: Link) -> None:
    """Nothing is heard."""


def loses_the_answer(link: Link) -> None:
    """The server does it, and nobody hears of it."""
    threading.Thread(target=link.up, daemon=True).start()
    link.server.recv(CHUNK)


def cuts_after(size: int) -> Plan:
    """So many bytes of the answer come through."""

    def plan(link: Link) -> None:
        threading.Thread(target=link.up, daemon=True).start()
        link.down(size)

    return plan


def says(status: str, *headers: str) -> Plan:
    """An answer of its own."""
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *headers]

    def plan(link: Link) -> None:
        link.head()
        link.client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    return plan


def says_nothing(link: Link) -> None:
    """The client waits."""
    link.head()
    while link.client.recv(CHUNK):
        pass


def closes_with(code: int) -> Plan:
    """A socket that is opened, and closed at once with that code."""

    def plan(link: Link) -> None:
        protocol = WSConnection(ConnectionType.SERVER)
        protocol.receive_data(link.head())
        next(iter(protocol.events()))
        link.client.sendall(protocol.send(AcceptConnection()) + protocol.send(CloseConnection(code)))
        link.client.recv(CHUNK)

    return plan


def opens_no_socket(link: Link) -> None:
    """As a proxy that knows nothing of WebSockets: what is for the next station only is taken out."""
    link.leaves_out = b"Upgrade: websocket\r\n"
    passes(link)


class Proxy:
    """`plans`: what becomes of the next connections, one after the other; afterwards `usual`."""

    def __init__(self, port: int) -> None:
        self.plans: list[Plan] = []
        self.usual: Plan = passes
        self.links: list[Link] = []
        self._server_port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def cut(self) -> None:
        """End all connections that there are."""
        for link in self.links:
            link.end()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.cut()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            link = Link(client, self._server_port)
            self.links.append(link)
            plan = self.plans.pop(0) if self.plans else self.usual
            threading.Thread(target=self._serve, args=(plan, link), daemon=True).start()

    def _serve(self, plan: Plan, link: Link) -> None:
        with suppress(OSError):
            plan(link)
        link.end()
        link.client.close()
        link.server.close()
