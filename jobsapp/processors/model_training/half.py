"""A boosting that is not finished: its trees so far are on disk, so that the next attempt goes on with them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from .kept import Kept
from .watch import Watch

SECONDS = 30.0
PARTS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")


class Half:
    """The trees of a fit. Each saving writes those that came since the last one, to a file of its own."""

    def __init__(self, kept: Kept, watch: Watch) -> None:
        self._kept, self._watch = kept, watch
        self._done, self._points = 0, 0
        self._saved = time.monotonic()

    def restore(self, model: Any) -> bool:
        """Give a model that was not fitted the trees of the attempts before, to go on with by `warm_start`;
        scikit-learn then comes to the very trees that it would have come to without a pause. False: there are none.
        """
        if not self._kept.half:
            return False
        trees: list[list[TreePredictor]] = []
        scores: dict[str, list[float]] = {"train": [], "validation": []}
        facts: dict[str, Any] = {}
        for path in self._kept.half:
            with np.load(path, allow_pickle=False) as file:
                facts = json.loads(file["facts"].tobytes())
                trees += [
                    [TreePredictor(*(file[f"{part} {n} {k}"] for part in PARTS)) for k in range(facts["outputs"])]
                    for n in range(facts["first"], facts["done"])
                ]
            for name, found in scores.items():
                found += facts[name]
            self._watch.curve += facts["curve"]
        model._predictors = trees
        model.train_score_, model.validation_score_ = np.array(scores["train"]), np.array(scores["validation"])
        model._baseline_prediction = np.array([facts["baseline"]])
        model._random_seed = facts["seed"]
        # It draws columns, of which all are taken.
        model._feature_subsample_rng = np.random.default_rng(0)
        self._done, self._points = len(trees), len(self._watch.curve)
        return True

    def told(self, model: Any, done: int) -> None:
        """`done` trees are made and measured; called after each."""
        if done > self._done and time.monotonic() - self._saved >= SECONDS:
            self._save(model, done)

    def _save(self, model: Any, done: int) -> None:
        new = range(self._done, done)
        # The first score is that of no tree at all.
        since = slice(self._done + 1 if self._done else 0, done + 1)
        curve = [point for point in self._watch.curve[self._points :] if point["step"] <= done]
        facts = {
            "first": self._done,
            "done": done,
            "outputs": int(model.n_trees_per_iteration_),
            "seed": int(model._random_seed),
            "baseline": model._baseline_prediction[0].tolist(),
            "train": list(map(float, model.train_score_[since])),
            "validation": list(map(float, model.validation_score_[since])),
            "curve": curve,
        }
        arrays = {
            f"{part} {n} {k}": getattr(tree, part)
            for n in new
            for k, tree in enumerate(model._predictors[n])
            for part in PARTS
        }
        path: Path = self._kept.half_path(done)
        np.savez(path, allow_pickle=False, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
        self._kept.keep_half(path, self._watch.spent)
        self._done, self._points, self._saved = done, self._points + len(curve), time.monotonic()
