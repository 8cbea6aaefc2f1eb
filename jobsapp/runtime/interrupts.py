"""Interrupting a processor: an exception in its thread, raised while its own code runs and at no other time.

SIGALRM belongs to this module. Its handler looks at what is due: the lease is lost, the attempt took too long, or a
stop of the worker must not wait any longer. A timer is set only for attempts that have a deadline, and for the stop.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from jobsapp.bus.slate import Slate
from jobsapp.processors.sdk import Cancelled, TimedOut
from jobsapp.runtime.context import JobContext, LeaseLost

# What was raised may have been swallowed: by a bare `except`, or where Python lets none pass, as in a callback of C.
AGAIN_SECONDS = 0.25
# A finalizer is over soon, and its author did not foresee an exception from outside; Python would lose it there.
FINALIZER_SECONDS = 0.01
SHORTEST_SECONDS = 0.0001

P = ParamSpec("P")
T = TypeVar("T")


class HandBack(BaseException):
    """Raised in the processor's thread when the worker must stop before the job is done."""


INTERRUPTS = (Cancelled, LeaseLost, TimedOut, HandBack)


class Interrupts:
    """Of one work-horse. Use it in a `with` block, in the main thread: handlers of signals run there."""

    def __init__(self, slate: Slate) -> None:
        self._slate = slate
        self.raised: type[BaseException] | None = None
        """What interrupted the last call; None: nothing, or too late."""
        self.ever_raised = False
        """Code that was interrupted at any line may have left anything behind, a locked lock for one."""
        self._context: JobContext | None = None
        self._open = self._armed = False
        self._stop_at: float | None = None

    def __enter__(self) -> Interrupts:
        self._pid, self._thread = os.getpid(), threading.get_ident()
        self._old_handler = signal.signal(signal.SIGALRM, self._on_alarm)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._old_handler)

    def call(self, context: JobContext, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function`, and let it be interrupted. What it returned in time is returned, whatever comes after.

        Raises what `function` raises. Nothing is raised by an interrupt after this has returned.
        """
        made: Any = self
        self.raised, self._context = None, context
        # Closed twice: an alarm that comes before the first `except` has closed is raised there. The second is then
        # left alone, since it handles that.
        try:
            try:
                self._open = True
                if context.deadline is not None or self._stop_at is not None:
                    self._arm()
                made = function(*args, **kwargs)
                self._open = False
                if context.deadline is not None:
                    context.deadline = None
                    self._slate.in_time()
            except BaseException:
                self._open = False
                if made is self:
                    raise
                self.raised = None
        finally:
            self._context = None
            if self._armed:
                self._disarm()
        result: T = made
        return result

    def stop_at(self, moment: float) -> None:
        """The worker stops: whatever runs then is handed back. For a handler of a signal."""
        self._stop_at = moment
        if self._open:
            self._arm()

    def look(self) -> None:
        """Something may be due. For other threads."""
        with suppress(ProcessLookupError):
            signal.pthread_kill(self._thread, signal.SIGALRM)

    def _on_alarm(self, _signal: int, frame: FrameType | None) -> None:
        context = self._context
        if not self._open or context is None or os.getpid() != self._pid:
            return
        reason = self._due(context)
        if reason is None:
            self._arm()
            return
        finalizes = _finalizes(frame)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, FINALIZER_SECONDS if finalizes else AGAIN_SECONDS)
        if context.undisturbed or finalizes or _cleans_up():
            return
        self.raised = reason
        self.ever_raised = True
        raise reason

    def _due(self, context: JobContext) -> type[BaseException] | None:
        now = time.monotonic()
        if context.lost:
            return LeaseLost
        if context.deadline is not None and now >= context.deadline:
            context.timed_out = True
            return TimedOut
        if self._stop_at is not None and now >= self._stop_at:
            return HandBack
        return None

    def _next(self) -> float | None:
        moments = [self._stop_at, self._context.deadline if self._context else None]
        return min((moment for moment in moments if moment is not None), default=None)

    def _arm(self) -> None:
        # A processor may have had its own.
        signal.signal(signal.SIGALRM, self._on_alarm)
        # A stop may be asked while this sets the timer.
        while (moment := self._next()) is not None:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, max(SHORTEST_SECONDS, moment - time.monotonic()))
            if moment == self._next():
                break

    def _disarm(self) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def _cleans_up() -> bool:
    """Whether the code that is running handles an interrupt or a cancel: a `finally`, or the end of a `with`."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, INTERRUPTS):
            return True
        error = error.__context__
    return False


def _finalizes(frame: FrameType | None) -> bool:
    """Whether Python collects garbage: it comes at any line, and what `__del__` raises is printed and forgotten."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
