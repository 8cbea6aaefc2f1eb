"""What the fitting is watched by: progress over all fits, cancelling, the limit of time, and the learning curve."""

from __future__ import annotations

import time
from typing import Any

from jobsapp.processors.sdk import Context

POINTS = 200
FITTING = "Fitting the model"


class Watch:
    """Counts steps (trees, iterations, runs) over all fits of a training.

    `fits` of at most `steps` steps each; `spent`: seconds that earlier attempts took; `limit`: seconds in all, or None.
    """

    def __init__(self, context: Context, fits: int, steps: int, *, spent: float = 0.0, limit: float | None = None):
        self._context, self._fits, self._steps = context, max(fits, 1), max(steps, 1)
        self._began, self._spent, self._limit = time.monotonic(), spent, limit
        self._fit, self._its, self._title, self._kept = 0, self._steps, "", False
        self.curve: list[dict[str, Any]] = []
        self.stopped = False

    def begin(self, fit: int, title: str, steps: int | None = None) -> None:
        """The fit with that number begins, from 0; it takes the `steps` of all fits or its own. The curve is the
        model's."""
        self._its = steps or self._steps
        self._fit, self._title, self._kept = fit, title, title == FITTING
        self._context.check_cancelled()
        self._context.progress(fit * self._steps, self.total, title)

    def step(self, done: int, **scores: float) -> None:
        """`done` steps of this fit are over. Raises `Cancelled`."""
        said = "".join(f", {name} {value:.4g}" for name, value in scores.items())
        at = self._fit * self._steps + min(done / self._its, 1.0) * self._steps
        self._context.progress(at, self.total, f"{self._title}: {done:,} of {self._its:,}{said}")
        if self._title == FITTING:
            for name, value in scores.items():
                self._context.metric(f"learning/{name}", value, done)
        if self._kept and scores:
            self.curve.append({"step": done, **{name: round(value, 6) for name, value in scores.items()}})
        self._context.check_cancelled()

    @property
    def total(self) -> int:
        """Steps of all fits, and one for the evaluation of each."""
        return self._fits * self._steps + self._fits

    @property
    def spent(self) -> float:
        """Seconds since the first attempt began, without the time between attempts."""
        return self._spent + time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Is the limit of time reached?"""
        if self._limit is not None and self.spent >= self._limit:
            self.stopped = True
        return self.stopped

    @property
    def half_over(self) -> bool:
        """Is half of the time gone? The other half belongs to the model."""
        return self._limit is not None and self.spent >= self._limit / 2

    def measured(self, key: str, value: float, step: float) -> None:
        """A point of a chart on the job's page."""
        self._context.metric(key, value, step)

    def thin_curve(self) -> list[dict[str, Any]]:
        """At most `POINTS` points of the curve, its last always among them."""
        every = -(-len(self.curve) // POINTS) or 1
        return [point for n, point in enumerate(self.curve) if n % every == 0 or n == len(self.curve) - 1]
