"""One socket's thread: waits for what comes from either side, without polling."""

from __future__ import annotations

import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from jobsapp.auth.current import find_reader, forget_reader
from jobsapp.core.actors import Guest, Reader
from jobsapp.errors import NotSignedIn
from jobsapp.extensions import db
from jobsapp.live.watcher import Code, Watcher

log = logging.getLogger(__name__)

CHECK_SECONDS = 30.0
SEND_SECONDS = 15
GOODBYE_SECONDS = 1.0


class Wire(Protocol):
    """What is used of simple-websocket's server side."""

    event: threading.Event
    sock: Any
    thread: threading.Thread

    def send(self, data: str) -> None: ...

    def receive(self, timeout: float | None = None) -> str | bytes | None: ...

    def close(self, reason: int | None = None, message: str | None = None) -> None: ...


class SteadySocket:
    """A socket that sends whole messages or fails: from one thread at a time, within SEND_SECONDS.

    simple-websocket sends pongs and messages from two threads and does not look at how much was taken.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._lock = threading.Lock()
        if sys.platform != "win32":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))

    def send(self, data: bytes) -> int:
        with self._lock:
            self._raw.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def converse(ws: Wire, watcher: Watcher, hear: Callable[[str | bytes], None]) -> None:
    """Send what the watcher has and `hear` what the client says, until one of them ends it.

    Holds no database session while it waits. Raises ConnectionClosed or OSError when the client is gone.
    """
    check_at = time.monotonic() + CHECK_SECONDS
    while True:
        # Set by the socket's receiving thread and by the hub.
        ws.event.wait(max(0.0, check_at - time.monotonic()))
        ws.event.clear()
        while watcher.closing is None and (message := ws.receive(timeout=0)) is not None:
            hear(message)
        for text in watcher.take():
            ws.send(text)
        if time.monotonic() >= check_at:
            check_at = time.monotonic() + CHECK_SECONDS
            _check(watcher)
        if watcher.closing is not None:
            ws.close(watcher.closing.code, watcher.closing.reason)
            return


def say_goodbye(ws: Wire) -> None:
    """Wait until the client has seen the end, and the receiving thread too.

    The web server closes the socket next. Under a thread that still waits on it, that would leave the thread
    waiting for its next ping, and the process would not end before.
    """
    with suppress(OSError):
        ws.sock.shutdown(socket.SHUT_WR)
    ws.thread.join(GOODBYE_SECONDS)
    with suppress(OSError):
        ws.sock.shutdown(socket.SHUT_RDWR)


def present_reader() -> Reader | None:
    """Who is behind the socket, asked anew. None: nobody any more."""
    forget_reader()
    try:
        return find_reader()
    except NotSignedIn:
        return None
    finally:
        db.session.remove()


def _check(watcher: Watcher) -> None:
    """Close the socket of somebody who may not be here any more."""
    try:
        reader = present_reader()
    except SQLAlchemyError:
        log.warning("a socket's rights could not be checked, the database is away; next time")
        return
    if reader is None or not _same_rights(reader, watcher.reader):
        watcher.close(Code.NOT_SIGNED_IN, "Sign in again")


def _same_rights(now: Reader, before: Reader) -> bool:
    if isinstance(now, Guest) or isinstance(before, Guest):
        return now == before
    return now.organization_id == before.organization_id
