"""Thousands of clients of sockets in one cheap process: `python -m benchmarks.crowd ADDRESS TOKEN COUNT PATH…`.

It opens the sockets, the paths in turn, compressing as browsers do, and prints how many seconds that took. For each
line on its input, a number of seconds, it then listens so long, or until every socket has got something if the line
ends with `first`, and prints when each got its first and how much came. The messages of the first SAMPLE sockets are
unpacked, and the states of jobs in them counted; of the others the bytes are counted.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

AT_ONCE = 16
SAMPLE = 10
ASK = """GET {path} HTTP/1.1\r
Host: {address}\r
Authorization: Bearer {token}\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
\r
"""
TEXT, COMPRESSED = 0x81, 0xC1
PING, PONG = b"\x89\0", bytes((0x8A, 0x80, 0, 0, 0, 0))
STATES = (b"data-revision=", b'"revision":')


class Client:
    """One socket. `at`: when its first message since the last `forget` came."""

    def __init__(self, address: str, token: str, path: str, *, sampled: bool) -> None:
        host, port = address.split(":")
        self.raw = socket.create_connection((host, int(port)), timeout=120)
        self.raw.sendall(ASK.format(path=path, address=address, token=token).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.raw.recv(4096)
            if not piece:
                break
            head += piece
        head, _, early = head.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(f"refused: {head!r}")
        self.raw.setblocking(False)
        self.at: float | None = None
        self.received = 0
        self.states = 0
        self.sampled = sampled
        self._buffer = bytearray(early)

    def forget(self) -> None:
        self.at, self.received, self.states = None, 0, 0

    def read(self) -> bool:
        """Whether the server is still there."""
        try:
            data = self.raw.recv(1 << 18)
        except BlockingIOError:
            return True
        if PING in data:
            self.raw.send(PONG)
        if data and data != PING:
            self.at = self.at or time.time()
        self.received += len(data)
        if self.sampled:
            self._buffer += data
            self.states += sum(text.count(mark) for text in self._messages() for mark in STATES)
        return bool(data)

    def _messages(self) -> Iterator[bytes]:
        while len(self._buffer) >= 2:
            kind, size, start = self._buffer[0], self._buffer[1], 2
            if size > 125:
                shape, start = ("!H", 4) if size == 126 else ("!Q", 10)
                if len(self._buffer) < start:
                    return
                size = struct.unpack(shape, self._buffer[2:start])[0]
            if len(self._buffer) < start + size:
                return
            body = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            if kind in (TEXT, COMPRESSED):
                yield zlib.decompressobj(-15).decompress(body + b"\0\0\xff\xff") if kind == COMPRESSED else body


class Crowd:
    """Answers pings from the first socket on, while others are still opened."""

    def __init__(self, address: str, token: str, count: int, paths: list[str]) -> None:
        self.clients: list[Client] = []
        self._lost = self._refused = 0
        self._selector = selectors.DefaultSelector()
        began = time.time()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for n in range(count):
                path = paths[n % len(paths)]
                pool.submit(Client, address, token, path, sampled=n < SAMPLE).add_done_callback(self._seat)
            while len(self.clients) + self._refused < count:
                self._attend(0.1)
        if self._refused or self._lost:
            raise ConnectionError(f"{self._refused} were refused, {self._lost} dropped again")
        self.seconds = time.time() - began

    def _seat(self, opened: Future[Client]) -> None:
        if opened.exception():
            print(opened.exception(), file=sys.stderr)
            self._refused += 1
            return
        self._selector.register(opened.result().raw, selectors.EVENT_READ, opened.result())
        self.clients.append(opened.result())

    def _attend(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._do(key.fileobj.readline())
            elif not key.data.read():
                self._selector.unregister(key.fileobj)
                self._lost += 1

    def serve(self) -> None:
        print(json.dumps(self.seconds), flush=True)
        # Unbuffered: a line that was read too early would be seen by nobody.
        with open(0, "rb", buffering=0) as orders:
            self._selector.register(orders, selectors.EVENT_READ)
            while True:
                self._attend(60)

    def _do(self, line: bytes) -> None:
        if not line:
            sys.exit()
        seconds, *how = line.split()
        for client in self.clients:
            client.forget()
        print("ready", flush=True)
        until = time.time() + float(seconds)
        while time.time() < until and not (how and all(client.at for client in self.clients)):
            self._attend(max(0.0, min(0.2, until - time.time())))
        print(json.dumps(self._found()), flush=True)

    def _found(self) -> dict[str, Any]:
        sampled = [client.states for client in self.clients if client.sampled]
        return {
            "at": [client.at for client in self.clients if client.at is not None],
            "bytes": sum(client.received for client in self.clients),
            "states": sum(sampled) / max(1, len(sampled)),
            "lost": self._lost,
        }


def main() -> None:
    address, token, count, *paths = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Crowd(address, token, int(count), paths).serve()


if __name__ == "__main__":
    main()
