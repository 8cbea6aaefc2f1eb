"""Requests go first: what is done for everybody who watches waits a moment for what one person waits for.

Both share the interpreter's lock, so a page that is asked for in the middle of a burst of news would take twice its
time. News may be some hundredths of a second late instead.
"""

from __future__ import annotations

import time

from flask import Flask, g

STEP_SECONDS = 0.001
# A request that takes longer is not at work all the time: it waits for a server, or sends a file.
WORK_SECONDS = 0.1


class Courtesy:
    """Knows whether a request is at work in this process."""

    def __init__(self) -> None:
        self._asked: set[object] = set()
        self._until = 0.0

    def init_app(self, app: Flask) -> None:
        app.before_request(self._enter)
        app.teardown_request(self._leave)

    def budget(self, seconds: float) -> Patience:
        """The right to be stopped, for so many seconds in all."""
        return Patience(self, seconds)

    @property
    def due(self) -> bool:
        return bool(self._asked) and time.monotonic() < self._until

    def _enter(self) -> None:
        g.asked = object()
        self._asked.add(g.asked)
        self._until = time.monotonic() + WORK_SECONDS

    def _leave(self, _: BaseException | None) -> None:
        self._asked.discard(g.pop("asked", None))


class Patience:
    """Of one piece of work. Not safe for threads."""

    def __init__(self, courtesy: Courtesy, seconds: float) -> None:
        self._courtesy = courtesy
        self._left = seconds

    def give_way(self) -> None:
        """Wait until no request is at work, or there is no patience left."""
        while self._left > 0 and self._courtesy.due:
            began = time.monotonic()
            time.sleep(STEP_SECONDS)
            self._left -= time.monotonic() - began
