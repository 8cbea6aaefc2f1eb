"""How often, and after what pauses, the client asks again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

AGAIN = frozenset({429, 502, 503, 504})
"""Statuses that may be gone a moment later."""
UNDONE = frozenset({429, 503})
"""Those that say that nothing was done."""


class Repeat(Enum):
    """Which calls may be sent again by themselves."""

    ALWAYS = "always"
    """Doing it twice is the same as doing it once."""
    UNDONE = "undone"
    """Only when it is sure that nothing was done: no connection, or the server says so."""
    NEVER = "never"
    """What was sent is gone."""


@dataclass(frozen=True)
class Retries:
    """Asking again: `attempts` in all, with pauses of `first` seconds, then `factor` times longer, up to `ceiling`.

    Each pause is drawn between a half of that and all of it, so that clients do not come back together. A server's
    `Retry-After` counts instead, if it is no longer than `longest_wait` seconds. `patience`: for how many seconds a
    stream of events, or waiting for a job, survives without its server.

    Example:
        with Client("https://jobs.example.org", token, retries=Retries(attempts=3)) as client:
            print(client.stats().total)
    """

    attempts: int = 8
    first: float = 0.2
    factor: float = 2.0
    ceiling: float = 10.0
    longest_wait: float = 60.0
    patience: float = 300.0

    def pause(self, attempt: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the `attempt`-th one, from 1. `chance` gives numbers from 0 to 1."""
        whole = min(self.first * self.factor ** min(attempt - 1, 64), self.ceiling)
        return whole * (0.5 + chance() / 2)


NONE = Retries(attempts=1, patience=0.0)
"""Ask once."""


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` asks for: a number or a date. None if there is none that makes sense."""
    if not header:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (zoned - (now or datetime.now(UTC))).total_seconds())
