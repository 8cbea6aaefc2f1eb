"""Starts processes, keeps them running, and stops them in order. `flask up` is built on it.

A child that ends, with whatever status, is started again: at once if it had run for a while, otherwise
after a pause that doubles. The supervisor sleeps until a child ends, a signal comes or a pause is over.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from jobsapp.embedded import process
from jobsapp.errors import ConfigError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
# A child that ran this long was healthy: its end is an accident, not a loop.
HEALTHY_SECONDS = 10.0
READY_POLL_SECONDS = 0.05
SERVERS, WORKERS, WEB = 0, 1, 2


@dataclass(frozen=True)
class Child:
    """What to run. `launch` starts it and returns at once; it may raise ConfigError or OSError.

    Higher stages are stopped first (`WEB`, `WORKERS`, `SERVERS`), the children of one stage together.
    `stop_signals` are sent in turn, each with the seconds to wait for the end; then the child is killed.
    """

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    log: Path
    stage: int
    stop_signals: tuple[tuple[int, float], ...]


class ChildError(Exception):
    """A child ended before everything was ready. `lines` are the last of its log."""

    def __init__(self, child: Child, status: int, lines: list[str]) -> None:
        super().__init__(f"{child.name} {ending(status)} while starting (log: {child.log}).")
        self.lines = lines


@dataclass(eq=False)
class _Entry:
    """A child and its present process: None while it waits to be started again."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    log_start: int = 0
    pause: float = FIRST_PAUSE_SECONDS
    due: float = 0.0
    stopping: Iterator[tuple[int, float]] = field(default_factory=lambda: iter(()))

    def launch(self) -> None:
        log = self.child.log
        self.log_start = log.stat().st_size if log.exists() else 0
        self.started = time.monotonic()
        self.process = self.child.launch()

    def ended(self) -> int | None:
        """The exit status of a process that ended; None while it runs or when there is none."""
        return None if self.process is None else self.process.poll()

    def last_lines(self, lines: int) -> list[str]:
        return process.tail(self.child.log, since=self.log_start, lines=lines)

    def step_to_stop(self, now: float) -> None:
        """Send the next stop signal; kill when there is none left."""
        if self.process is None:
            return
        number, seconds = next(self.stopping, (signal.SIGKILL, 1.0))
        if number == signal.SIGKILL:
            process.kill_group(self.process)
        else:
            self.process.send_signal(number)
        self.due = now + seconds


class Supervisor:
    """Use it as a context manager, in the main thread: leaving it stops the children.

    `say` gets one line for people each time a child is started again. A stop signal ends `run`; until
    `started` is called it raises SystemExit instead.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._entries: list[_Entry] = []
        self._stops_asked = 0
        self._starting = True

    def __enter__(self) -> Self:
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        self._old_waker = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, self._on_stop) for number in STOP_SIGNALS}
        # Without a handler the end of a child would not wake us.
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._starting = False
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(self._old_waker)
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._waker)

    def start(self, child: Child) -> None:
        """Start a child and keep it. Raises what its `launch` raises."""
        process.rotate(child.log)
        entry = _Entry(child)
        self._entries.append(entry)
        entry.launch()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait for `ready`; False when the time is over. Raises ChildError as soon as a child ends."""
        deadline = time.monotonic() + seconds
        while not ready():
            for entry in self._entries:
                if (status := entry.ended()) is not None:
                    raise ChildError(entry.child, status, entry.last_lines(12))
            if time.monotonic() > deadline:
                return False
            self._sleep(READY_POLL_SECONDS)
        return True

    def started(self) -> None:
        """All is started: a stop signal now waits for `run`."""
        self._starting = False

    def run(self) -> None:
        """Keep the children running until a signal asks to stop."""
        self.started()
        while not self._stops_asked:
            self._sleep(self._look_after())

    def stop(self) -> None:
        """Stop all children, stage by stage. Another signal meanwhile kills those but the servers.

        Safe to call twice.
        """
        asked = self._stops_asked
        for stage in sorted({entry.child.stage for entry in self._entries}, reverse=True):
            self._stop_stage([entry for entry in self._entries if entry.child.stage == stage], asked)
        self._entries.clear()

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self._stops_asked += 1
        if self._starting:
            self._starting = False
            raise SystemExit(128 + number)

    def _sleep(self, seconds: float | None) -> None:
        """Until a signal (the end of a child is one too) or for `seconds`; None: no limit."""
        select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake, 4096):
                pass

    def _look_after(self) -> float | None:
        """Start again what ended and is due. Returns the seconds until the next is due, None if none is."""
        now = time.monotonic()
        for entry in self._entries:
            if (status := entry.ended()) is not None:
                self._plan_restart(entry, ending(status), now)
            elif entry.process is None and entry.due <= now:
                self._restart(entry, now)
        waiting = [entry.due for entry in self._entries if entry.process is None]
        return max(0.0, min(waiting) - now) if waiting else None

    def _restart(self, entry: _Entry, now: float) -> None:
        try:
            entry.launch()
        except (ConfigError, OSError, subprocess.SubprocessError) as error:
            self._plan_restart(entry, f"could not be started ({error})", now)

    def _plan_restart(self, entry: _Entry, how: str, now: float) -> None:
        if now - entry.started >= HEALTHY_SECONDS:
            entry.pause = FIRST_PAUSE_SECONDS
        entry.process = None
        entry.due = now + entry.pause
        # Who was killed did not say why.
        last = "" if "killed" in how else "".join(entry.last_lines(1))[:200]
        self._say(f"{entry.child.name} {how}, again in {entry.pause:g} s (log: {entry.child.log}) {last}".rstrip())
        entry.pause = min(entry.pause * 2, LONGEST_PAUSE_SECONDS)

    def _stop_stage(self, entries: list[_Entry], asked: int) -> None:
        now = time.monotonic()
        for entry in entries:
            entry.stopping = iter(entry.child.stop_signals)
            entry.due = now
        while left := [entry for entry in entries if entry.process is not None and entry.ended() is None]:
            now = time.monotonic()
            impatient = self._stops_asked > asked
            for entry in left:
                if impatient and entry.child.stage != SERVERS:
                    entry.stopping = iter(())
                    entry.due = now
                if entry.due <= now:
                    entry.step_to_stop(now)
            self._sleep(max(0.0, min(entry.due for entry in left) - now))


def ending(status: int) -> str:
    """How a process ended, in words: `ended with status 1`, `was killed by SIGKILL`."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}"
