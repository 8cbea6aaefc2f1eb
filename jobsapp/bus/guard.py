"""Asking a Redis that may be away: nobody waits for it twice in a row, and nothing is raised."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from jobsapp.bus.connection import RedisError

log = logging.getLogger(__name__)

PAUSE_AFTER_FAILURE_SECONDS = 1.0


class Guard:
    def __init__(self) -> None:
        self._silent_until = 0.0

    def attempt(self, action: Callable[[], object], what: str) -> bool:
        """Run `action`. False, with `what` in the log, if Redis is away, or was a moment ago."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            action()
        except RedisError as error:
            # A dead Redis must not cost every request its time-out.
            self._silent_until = time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS
            log.warning("Redis is away, %s: %s", what, error)
            return False
        return True
