"""Looks for better parameters within a budget: random search (Bergstra and Bengio, 2012), the given ones first.

Each trial is fitted on four fifths of the training rows and measured on the last fifth; the test never takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .estimators import pipeline
from .fitting import fit
from .kept import Kept
from .model import TrainingInput
from .params import Boosting, Forest, Linear, Params
from .problem import Problem
from .scores import measure
from .watch import Watch

HELD_BACK = 0.2
Draw = Callable[[np.random.Generator], Any]


def _log(low: float, high: float) -> Draw:
    return lambda random: float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.3g}")


def _one_of(*values: Any) -> Draw:
    return lambda random: values[int(random.integers(len(values)))]


# Where good values of each lie in practice; what a fit costs (trees, iterations) stays as it was chosen.
SPACES: dict[type[Params], Mapping[str, Draw]] = {
    Boosting: {
        "learning_rate": _log(0.02, 0.4),
        "leaves": _one_of(7, 15, 31, 63, 127),
        "min_leaf": _one_of(5, 10, 20, 50, 100),
        "l2": _one_of(0.0, 0.1, 1.0, 10.0),
    },
    Forest: {"depth": _one_of(0, 4, 8, 16), "min_leaf": _one_of(1, 2, 5, 10, 20)},
    Linear: {"strength": _log(1e-3, 1e3)},
}


def drawn(start: Params, trial: int, seed: int) -> Params:
    """The parameters of a trial, from 1 on; the first has those of `start`. What the user gave is never changed."""
    if trial == 1:
        return start
    random = np.random.default_rng([seed, trial])
    found = {name: draw(random) for name, draw in SPACES[type(start)].items()}
    return start.model_copy(update={name: one for name, one in found.items() if name not in start.model_fields_set})


class Search:
    """`trials`: how many at most; it also ends when the training's time is half over."""

    def __init__(self, data: TrainingInput, problem: Problem, kept: Kept, watch: Watch, threads: int) -> None:
        self._data, self._problem, self._kept, self._watch, self._threads = data, problem, kept, watch, threads
        self._classes = len(problem.classes)
        self._measure = "logLoss" if self._classes else "rmse"

    def run(self, start: Params, train: Any) -> Params:
        """The parameters that scored best, of this attempt and those before it."""
        y = self._problem.y[train]
        inner, outer = train_test_split(
            train, test_size=HELD_BACK, random_state=self._data.seed, stratify=y if self._may_stratify(y) else None
        )
        for trial in range(len(self._kept.trials) + 1, self._data.search_trials + 1):
            if trial > 1 and self._watch.half_over:
                break
            self._try(drawn(start, trial, self._data.seed), trial, inner, outer)
        best = min(self._kept.trials, key=lambda one: float(one["score"]), default=None)
        return start if best is None else type(start).model_validate(best["params"])

    def rows(self) -> list[dict[str, Any]]:
        """The trials as a table, the best first."""
        ordered = sorted(self._kept.trials, key=lambda one: float(one["score"]))
        return [{"trial": one["trial"], self._measure: one["score"], **one["params"]} for one in ordered]

    def _try(self, params: Params, trial: int, inner: Any, outer: Any) -> None:
        x, y = self._problem.x, self._problem.y
        self._watch.begin(trial - 1, f"Trial {trial} of {self._data.search_trials}")
        pipe = pipeline(
            params, self._problem.columns, classes=self._classes > 0, seed=self._data.seed, threads=self._threads
        )
        fit(pipe, params, x[inner], y[inner], self._watch)
        if self._watch.stopped and trial > 1:
            return
        score = measure(pipe, x[outer], y[outer], self._classes)[self._measure]
        if score is not None:
            self._kept.keep_trial({"trial": trial, "score": score, "params": params.model_dump()}, self._watch.spent)
            best = min(float(one["score"]) for one in self._kept.trials)
            self._watch.measured(f"{self._measure}/best so far", best, trial)
            self._watch.measured(f"{self._measure}/trial", score, trial)

    def _may_stratify(self, y: Any) -> bool:
        return self._classes > 0 and int(np.bincount(y, minlength=self._classes).min()) >= 2
