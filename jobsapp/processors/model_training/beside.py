"""A linear model beside the chosen one: how far the columns lead without any of its cleverness."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import scores
from .columns import Floats
from .estimators import pipeline
from .fitting import fit
from .params import Linear
from .problem import Problem
from .watch import Watch

TITLE = "A linear model beside it"
# So that it costs seconds beside any training: rows in all, and numbers in the matrix that is made of them.
ROWS = 50_000
NUMBERS = 4_000_000
ITERATIONS = 200


class _InBlocks:
    """A fitted model that sees some rows at a time: prepared for it, a category is a number for each of its values."""

    def __init__(self, model: Any, size: int) -> None:
        self._model, self._size = model, size
        self.classes_ = getattr(model, "classes_", None)

    def predict(self, x: Floats) -> Any:
        return self._each(self._model.predict, x)

    def predict_proba(self, x: Floats) -> Any:
        return self._each(self._model.predict_proba, x)

    def _each(self, ask: Any, x: Floats) -> Any:
        return np.concatenate([ask(x[at : at + self._size]) for at in range(0, len(x), self._size)])


def linear(problem: Problem, train: Any, test: Any, *, seed: int, watch: Watch) -> dict[str, float | None]:
    """Metrics, on the rows of the test, of logistic or ridge regression. It learns from at most `ROWS` of the training
    rows. Empty when the time is over, or when that sample has one class only. Raises `Cancelled`.
    """
    width = sum(len(one.categories) + 2 if one.kind == "category" else one.width for one in problem.columns)
    most = max(min(ROWS, NUMBERS // width), 1)
    some = np.sort(np.random.default_rng(seed).permutation(train)[:most])
    x, y, classes = problem.x, problem.y, len(problem.classes)
    if watch.over or (classes and len(np.unique(y[some])) < 2):
        return {}
    params = Linear(iterations=ITERATIONS)
    pipe = pipeline(params, problem.columns, classes=classes > 0, seed=seed, threads=1)
    fit(pipe, params, x[some], y[some], watch)
    return scores.measure(_InBlocks(pipe, most), x[test], y[test], classes)
