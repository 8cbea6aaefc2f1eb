"""True progress over several passes: each pass owns a stretch of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from jobsapp.processors.sdk import Context


class Meter:
    """Reports to the context as bytes of the input, never going back.

    `total` is the size of the input in bytes; `done` is what was done before, 0 to 1.
    """

    def __init__(self, context: Context, total: int, done: float = 0.0) -> None:
        self._context = context
        self._total = max(total, 1)
        self._done = done

    def report(self, fraction: float, message: str | None = None) -> None:
        self._done = max(self._done, min(fraction, 1.0))
        self._context.progress(int(self._done * self._total), self._total, message)

    def check_cancelled(self) -> None:
        self._context.check_cancelled()

    @property
    def done(self) -> float:
        """How much of the whole is done, 0 to 1."""
        return self._done


@dataclass(frozen=True)
class Stage:
    """A stretch from `start` to `end` (shares of the whole, 0 to 1) that belongs to one pass."""

    meter: Meter
    start: float = 0.0
    end: float = 1.0

    def at(self, fraction: float, message: str | None = None) -> None:
        """Report that `fraction` (0 to 1) of this pass is done. Raises `Cancelled` if that was asked."""
        self.meter.check_cancelled()
        self.meter.report(self.start + (self.end - self.start) * min(max(fraction, 0.0), 1.0), message)

    def split(self, *weights: float) -> list[Stage]:
        """One stage per weight, one after the other."""
        step = (self.end - self.start) / sum(weights)
        edges = [self.start]
        for weight in weights:
            edges.append(edges[-1] + step * weight)
        return [Stage(self.meter, a, b) for a, b in pairwise(edges)]

    def between(self, start: float, end: float) -> Stage:
        """Another stretch of the same whole."""
        return Stage(self.meter, start, end)

    def rest(self) -> Stage:
        """What of this stage is not yet done."""
        return Stage(self.meter, min(max(self.start, self.meter.done), self.end), self.end)
