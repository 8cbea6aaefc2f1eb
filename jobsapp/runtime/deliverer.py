"""Sends what is to be told, beside the keeper that leads, on threads of its own: no receiver delays anybody else.

One thread takes messages and writes down what came of them, on one connection; others send. A channel is in work once
at most, and those whose receivers are slow, or fail, have senders of their own.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from psycopg import Connection

from jobsapp.core.notifications import Kind, calm, has_had_its_time, next_pause
from jobsapp.runtime.composer import Composer
from jobsapp.runtime.house import House
from jobsapp.runtime.notices import tell_of_disabled
from jobsapp.runtime.senders import Result, Senders
from jobsapp.store import notifications as store
from jobsapp.store.connect import connect
from jobsapp.store.notifications import Ending, Taken

PAUSE_SECONDS = 0.5
LEASE = timedelta(seconds=90)
SENDERS = 4
"""Of each kind: for channels that are fast, and for those that are slow."""
SLOW_SECONDS = 3.0
FORGET_SECONDS = 60.0
FORGOTTEN_AT_ONCE = 500
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Sent:
    """A message that was sent: what came of it, and how long it took in seconds."""

    taken: Taken
    result: Result
    at: datetime
    seconds: float


class Deliverer:
    """Takes and sends here and now: what the thread does, and what a test calls."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._hints = house.hints()
        self._composer = Composer(house)
        self._senders = Senders(house)

    def step(self, connection: Connection[Any], now: datetime) -> int:
        """Send all that is due at this time, one after the other. Returns how many messages were tried."""
        tried = 0
        while self._composer.compose(connection, now):
            pass
        # A slow channel whose message was taken is fast again.
        while (taken := self._take(connection, now)) is not None:
            self.finish(connection, self.send(taken, now), now)
            tried += 1
        return tried

    def _take(self, connection: Connection[Any], now: datetime) -> Taken | None:
        fast = store.take(connection, now, slow=False, lease=LEASE)
        return fast or store.take(connection, now, slow=True, lease=LEASE)

    def compose(self, connection: Connection[Any], now: datetime) -> bool:
        return self._composer.compose(connection, now)

    def send(self, taken: Taken, now: datetime) -> Sent:
        began = time.monotonic()
        result = self._senders.send(taken, now)
        return Sent(taken, result, now, time.monotonic() - began)

    def finish(self, connection: Connection[Any], sent: Sent, now: datetime) -> None:
        """Write down what came of it; a channel that has failed for long is switched off, and its owner told."""
        ending = ending_of(sent, now, draw=random.random())  # noqa: S311 - jitter
        with connection.transaction():
            if store.finish(connection, sent.taken, ending, now) and ending.disabled_reason:
                tell_of_disabled(connection, self._house, sent.taken, ending.disabled_reason, now)
        if sent.taken.kind == Kind.BROWSER and sent.taken.user_id is not None and sent.result.ok:
            self._hints.noticed(sent.taken.user_id)

    def forget(self, connection: Connection[Any], now: datetime) -> int:
        before = now - timedelta(days=self._house.settings.delivery_days)
        return store.forget(connection, before, limit=FORGOTTEN_AT_ONCE)


def ending_of(sent: Sent, now: datetime, *, draw: float) -> Ending:
    """What a try comes to: delivered, tried again, given up, and what becomes of the channel."""
    taken, result = sent.taken, sent.result
    pause = None if result.ok or result.gone else next_pause(taken.attempts, draw=draw, retry_after=result.retry_after)
    failures = 0 if result.ok else taken.failures + 1
    disabled = None
    if result.gone:
        disabled = result.error
    elif not result.ok and has_had_its_time(failures, taken.failing_since or now, now):
        disabled = f"Every try has failed for days. The last time: {result.error}"
    return Ending(
        state="delivered" if result.ok else "pending" if pause is not None else "failed",
        next_at=None if pause is None else now + pause,
        entry={
            "at": sent.at.isoformat(),
            "ms": round(sent.seconds * 1000),
            "status": result.status,
            "answer": result.answer,
            "error": result.error,
        },
        ok=result.ok,
        error=result.error,
        slow=not result.ok or sent.seconds >= SLOW_SECONDS,
        calm_until=now if result.ok else now + calm(failures, retry_after=result.retry_after),
        disabled_reason=disabled,
    )


class Round:
    """From one connection to the database to its end."""

    def __init__(self, house: House, stopping: threading.Event) -> None:
        self._url = house.settings.database_url
        self._deliverer = Deliverer(house)
        self._stopping = stopping
        self._done: SimpleQueue[tuple[bool, Future[Sent]]] = SimpleQueue()
        self._free = {False: SENDERS, True: SENDERS}
        self._forget_at = 0.0

    def run(self) -> None:
        pools = {slow: ThreadPoolExecutor(SENDERS, "slow sender" if slow else "sender") for slow in self._free}
        try:
            with connect(self._url, "jobsapp deliverer") as connection:
                while not self._stopping.is_set():
                    self._look(connection, pools)
                    self._collect(connection, PAUSE_SECONDS)
                until = time.monotonic() + STOP_SECONDS / 2
                while time.monotonic() < until and any(free < SENDERS for free in self._free.values()):
                    self._collect(connection, 0.1)
        finally:
            for pool in pools.values():
                pool.shutdown(wait=False, cancel_futures=True)

    def _look(self, connection: Connection[Any], pools: dict[bool, ThreadPoolExecutor]) -> None:
        now = _now(connection)
        while self._deliverer.compose(connection, now) and not self._stopping.is_set():
            pass
        for slow, pool in pools.items():
            while self._free[slow] and (taken := store.take(connection, now, slow=slow, lease=LEASE)) is not None:
                self._free[slow] -= 1
                future = pool.submit(self._deliverer.send, taken, now)
                future.add_done_callback(lambda done, slow=slow: self._done.put((slow, done)))  # type: ignore[misc]
        if time.monotonic() >= self._forget_at:
            more = self._deliverer.forget(connection, now) == FORGOTTEN_AT_ONCE
            self._forget_at = time.monotonic() + (0 if more else FORGET_SECONDS)

    def _collect(self, connection: Connection[Any], seconds: float) -> None:
        """Write down what was sent. Waits so long for the first."""
        try:
            slow, done = self._done.get(timeout=seconds)
            while True:
                self._free[slow] += 1
                self._deliverer.finish(connection, done.result(), _now(connection))
                slow, done = self._done.get_nowait()
        except Empty:
            return


def _now(connection: Connection[Any]) -> datetime:
    """By the database's clock, as all times."""
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101 - it always answers
    moment: datetime = row[0]
    return moment
