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
from concurrent.futures import ThreadPoolExecutor
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
TEXT, COMPRESSED, PING, PONG = 0x81, 0xC1, 0x89, bytes((0x8A, 0x80, 0, 0, 0, 0))
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
        self._sampled = sampled
        self._buffer = bytearray(early)

    def forget(self) -> None:
        self.at, self.received, self.states = None, 0, 0

    def read(self) -> bool:
        """Whether the server is still there."""
        try:
            data = self.raw.recv(1 << 18)
        except BlockingIOError:
            return True
        if data[:1] == bytes((PING,)):
            self.raw.send(PONG)
        elif data:
            self.at = self.at or time.time()
        self.received += len(data)
        if self._sampled:
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
    def __init__(self, address: str, token: str, count: int, paths: list[str]) -> None:
        began = time.time()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self.clients = list(
                pool.map(
                    lambda n: Client(address, token, paths[n % len(paths)], sampled=n < SAMPLE), range(count)
                )
            )
        self.seconds = time.time() - began
        self._lost = 0
        self._selector = selectors.DefaultSelector()
        for client in self.clients:
            self._selector.register(client.raw, selectors.EVENT_READ, client)

    def listen(self, seconds: float, *, first: bool) -> dict[str, Any]:
        for client in self.clients:
            client.forget()
        print("ready", flush=True)
        until, missing = time.time() + seconds, len(self.clients)
        while time.time() < until and (missing or not first):
            for key, _ in self._selector.select(max(0.0, until - time.time())):
                client: Client = key.data
                was = client.at
                if not client.read():
                    self._selector.unregister(client.raw)
                    self._lost += 1
                missing -= was is None and client.at is not None
        sampled = [client.states for client in self.clients[:SAMPLE]]
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
    crowd = Crowd(address, token, int(count), paths)
    print(json.dumps(crowd.seconds), flush=True)
    for line in sys.stdin:
        seconds, *how = line.split()
        print(json.dumps(crowd.listen(float(seconds), first=how == ["first"])), flush=True)


if __name__ == "__main__":
    main()
