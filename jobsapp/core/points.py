"""What a job measures while it runs: points of named series, few enough to be kept and drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

KEYS = 50
KEY_LENGTH = 100
FINE = 500
"""So many points of a series are kept one by one; then every second of the next 500 that are kept, every fourth …"""


class Point(NamedTuple):
    key: str
    step: float
    value: float


class Points:
    """Takes points as they come and passes on so many of them that a series of n has about 500 * log2(n / 500).

    Raises ValueError for a key that is empty, too long, or one too many, and for what is no number. A value that is
    not finite is left out: a chart has no place for it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._kept: dict[str, int] = {}

    def add(self, key: str, value: float, step: float | None) -> Point | None:
        """The point to keep, or None. `step` None: how many points of this key came before."""
        number = self._seen.get(key)
        if number is None:
            self._check(key)
            number = self._kept[key] = 0
        self._seen[key] = number + 1
        x, y = float(number if step is None else step), float(value)
        stride = 2 ** (self._kept[key] // FINE)
        if number % stride or not (math.isfinite(x) and math.isfinite(y)):
            return None
        self._kept[key] += 1
        return Point(key, x, y)

    def _check(self, key: str) -> None:
        if not key or len(key) > KEY_LENGTH or not key.isprintable():
            raise ValueError(
                f"A metric's key has 1 to {KEY_LENGTH} printable characters, not {key[: KEY_LENGTH + 1]!r}."
            )
        if len(self._seen) >= KEYS:
            raise ValueError(f"A job has at most {KEYS} metrics; {key!r} is one more.")


class Measured(NamedTuple):
    """A point as it is kept: with the attempt that measured it."""

    attempt: int
    key: str
    step: float
    value: float


def series(points: Iterable[Measured]) -> dict[str, list[tuple[float, float]]]:
    """(step, value) by key, in the order of their coming.

    An attempt that goes on from a checkpoint measures some steps again, one that begins anew all of them: of each key
    the points of earlier attempts end before the first step of the later one.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    attempts: dict[str, int] = {}
    for attempt, key, step, value in points:
        line = found.setdefault(key, [])
        if attempts.setdefault(key, attempt) != attempt:
            attempts[key] = attempt
            line[:] = [one for one in line if one[0] < step]
        line.append((step, value))
    return found
