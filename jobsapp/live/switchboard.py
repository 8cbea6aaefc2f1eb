"""The thread that reads and writes all sockets of a process. What it does never waits: that is for the hub."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from jobsapp.live.connection import Connection, Gone
from jobsapp.live.courtesy import Courtesy

log = logging.getLogger(__name__)

PING_SECONDS = 25.0
SEND_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
TICK_SECONDS = 0.5
# Sends between which requests go first, and for how long in all until everybody has got what waits.
PIECE = 4
PATIENCE_SECONDS = 0.05


class Switchboard:
    """A socket costs no thread. Starts with the first one, so after any fork.

    A client is asked for a sign of life every PING_SECONDS and given up when it has given none by the next time, or
    when it takes nothing for SEND_SECONDS. `left` is told of everyone who has gone.
    """

    def __init__(self, left: Callable[[Connection], None], courtesy: Courtesy) -> None:
        self._left = left
        self._courtesy = courtesy
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell: socket.socket | None = None
        self._ready: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._slow: set[Connection] = set()
        self._leaving: dict[Connection, float] = {}
        self._pings: deque[tuple[float, Connection]] = deque()
        self._awake = False
        self._quiet = threading.Event()
        self._stopping = threading.Event()

    def adopt(self, connection: Connection) -> None:
        """Look after a connection from now on. What waits for it is sent at once."""
        if self._stopping.is_set():
            with suppress(Gone):
                connection.write()
            connection.end()
            return
        with self._lock:
            if self._thread is None:
                self._begin()
        self.wake(connection)

    def _begin(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="live sockets", daemon=True)
        self._thread.start()

    def wake(self, connection: Connection) -> None:
        """There is something for this one. From any thread."""
        self._ready.append(connection)
        if not self._awake:
            self._awake = True
            self._quiet.clear()
            self._ring()

    def settle(self, seconds: float) -> None:
        """Wait until everything that was woken has been sent, or cannot be now; so long at most."""
        if self._awake:
            self._quiet.wait(seconds)

    def stop(self) -> None:
        """Wait until all whose end was asked for have seen it, GOODBYE_SECONDS and a bit at most, and end."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._ring()
            thread.join(2 * GOODBYE_SECONDS)

    def _run(self) -> None:
        end_at = float("inf")
        while self._all or self._ready or not self._stopping.is_set():
            for key, events in self._selector.select(self._patience()):
                if key.data is None:
                    with suppress(BlockingIOError):
                        self._ear.recv(4096)
                else:
                    self._attend(key.data, read=bool(events & selectors.EVENT_READ))
            self._awake = False
            self._send_ready()
            self._quiet.set()
            now = time.monotonic()
            self._give_up(now)
            self._ping(now)
            if self._stopping.is_set():
                end_at = min(end_at, now + GOODBYE_SECONDS)
                if now > end_at:
                    break
        for connection in list(self._all):
            self._drop(connection)
        self._selector.close()
        for end in (self._bell, self._ear):
            if end is not None:
                end.close()

    def _send_ready(self) -> None:
        patience, sent = self._courtesy.budget(PATIENCE_SECONDS), 0
        while self._ready:
            self._attend(self._ready.popleft(), read=False)
            sent += 1
            if sent % PIECE == 0:
                patience.give_way()

    def _ring(self) -> None:
        """Wake the thread, if there is one. A bell that rings already is fine."""
        with suppress(OSError):
            if self._bell is not None:
                self._bell.send(b"!")

    def _patience(self) -> float | None:
        if self._ready:
            return 0
        if self._slow or self._leaving or self._stopping.is_set():
            return TICK_SECONDS
        return max(0.0, self._pings[0][0] - time.monotonic()) if self._pings else None

    def _attend(self, connection: Connection, *, read: bool) -> None:
        """Read from it and write to it, whichever is possible."""
        if connection.ended:
            return
        try:
            if connection not in self._all:
                self._welcome(connection)
            if read:
                connection.read()
            connection.write()
            self._note(connection)
        except Gone:
            self._drop(connection)
        except Exception:
            log.exception("a socket broke")
            self._drop(connection)

    def _welcome(self, connection: Connection) -> None:
        self._all.add(connection)
        self._selector.register(connection.raw, selectors.EVENT_READ, connection)
        self._pings.append((time.monotonic() + PING_SECONDS, connection))

    def _note(self, connection: Connection) -> None:
        """Remember who has to be looked at again."""
        slow = connection.blocked_since is not None
        if slow != (connection in self._slow):
            (self._slow.add if slow else self._slow.discard)(connection)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if slow else 0)
            self._selector.modify(connection.raw, events, connection)
        if connection.closing or connection.watcher.closing is not None:
            self._leaving.setdefault(connection, time.monotonic() + GOODBYE_SECONDS)

    def _give_up(self, now: float) -> None:
        for connection in [one for one in self._slow if now - (one.blocked_since or now) > SEND_SECONDS]:
            self._drop(connection)
        for connection in [one for one, until in self._leaving.items() if now > until]:
            self._drop(connection)

    def _ping(self, now: float) -> None:
        while self._pings and self._pings[0][0] <= now:
            _, connection = self._pings.popleft()
            if connection not in self._all:
                continue
            if not connection.heard:
                self._drop(connection)
                continue
            try:
                connection.ping()
                self._note(connection)
            except Gone:
                self._drop(connection)
            else:
                self._pings.append((now + PING_SECONDS, connection))

    def _drop(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._slow.discard(connection)
            self._leaving.pop(connection, None)
            with suppress(KeyError, ValueError):
                self._selector.unregister(connection.raw)
        connection.end()
        self._left(connection)
