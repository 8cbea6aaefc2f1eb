"""Fits a pipeline step by step, so that it tells how far it is, can be cancelled, and stops when the time is over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.pipeline import Pipeline

from .columns import Floats
from .half import Half
from .params import Boosting, Forest, Linear, Params
from .watch import Watch

# A step of lbfgs loses what the last one learned of the curvature: fewer would be slower.
ITERATIONS = 50
TREES = 5
SCORED_ROWS = 2_000


def steps_of(params: Params) -> int:
    """The most steps that a fit takes."""
    if isinstance(params, Boosting | Forest):
        return params.trees
    return params.iterations if isinstance(params, Linear) else 1


def fit(pipe: Pipeline, params: Params, x: Floats, y: Any, watch: Watch, half: Half | None = None) -> int:
    """Fit `pipe` to `x` (rows × features) and `y` (rows). The number of trees or iterations that were made.

    `half`: where the trees of a boosting are kept while they come, and those of the attempts before are.
    """
    prepared = x if pipe["prepare"] == "passthrough" else pipe["prepare"].fit_transform(x)
    model = pipe["model"]
    if isinstance(params, Boosting):
        return _boosting(model, params, prepared, y, watch, half)
    if isinstance(params, Forest):
        return _forest(model, params, prepared, y, watch)
    if isinstance(model, LogisticRegression):
        return _logistic(model, params, prepared, y, watch)
    return _ridge(model, prepared, y, watch)


class TreeHook:
    """Takes the place of the scorer that early stopping calls after each tree: once for the training rows (a sample
    of at most 10,000) and, with `validated`, once for those kept aside. It gives back minus the loss, from raw
    predictions to which it adds the newest tree only.
    """

    def __init__(self, watch: Watch, validated: bool, half: Half | None = None) -> None:
        self._watch, self._validated, self._half = watch, validated, half
        self._raw: list[Any] = []
        self._losses: list[float] = []

    def __call__(self, model: Any, x: Any, y: Any) -> float:
        part, trees = len(self._losses), len(model._predictors)
        if self._half and not part and trees:
            # The scores of the tree before are written down only when this was called for it.
            self._half.told(model, trees - 1)
        loss = self._loss(model, part, x, y)
        self._losses.append(loss)
        if len(self._losses) == 1 + self._validated:
            names = ("loss", "validation loss")
            self._losses, losses = [], self._losses
            self._watch.step(trees, **dict(zip(names, losses, strict=False)))
            if trees and self._watch.over:
                # No score is better than one plus infinity, so this tree is the last.
                model.n_iter_no_change, model.tol = 1, math.inf
        return -loss

    def _loss(self, model: Any, part: int, x: Any, y: Any) -> float:
        if part == len(self._raw):
            start = np.zeros((len(x), model.n_trees_per_iteration_), order="F") + model._baseline_prediction
            self._raw.append(start)
            new = model._predictors
        else:
            new = model._predictors[-1:]
        raw = self._raw[part]
        for trees in new:
            for k, tree in enumerate(trees):
                raw[:, k] += tree.predict_binned(x, model._bin_mapper.missing_values_bin_idx_, 1)
        one = raw[:, 0] if raw.shape[1] == 1 else raw
        return float(model._loss(y_true=np.asarray(y, dtype=np.float64), raw_prediction=one))


def _boosting(model: Any, params: Boosting, x: Floats, y: Any, watch: Watch, half: Half | None) -> int:
    # A tenth of few rows says little, and each class must have two for it.
    validated = params.patience > 0
    own = {"n_iter_no_change": 10, "tol": 1e-7, "scoring": "loss", "early_stopping": False, "validation_fraction": 0.1}
    own["warm_start"] = False
    hook = TreeHook(watch, validated, half)
    model.set_params(
        early_stopping=True,
        scoring=hook,
        n_iter_no_change=params.patience or 10**6,
        validation_fraction=0.1 if validated else None,
    )
    if half and half.restore(model):
        model.set_params(warm_start=True)
        model._scorer = hook
    try:
        model.fit(x, y)
    finally:
        # The hook must not be saved with the model, and the next fit begins as this one did.
        model.set_params(**own)
        model._scorer = None
    return int(model.n_iter_)


def _forest(model: Any, params: Forest, x: Floats, y: Any, watch: Watch) -> int:
    """Trees in small groups: with warm_start the same as all at once. The curve is of rows of the training."""
    rows = np.random.default_rng(0).permutation(len(x))[:SCORED_ROWS]
    model.set_params(warm_start=True)
    done = 0
    while done < params.trees and not (done and watch.over):
        done = min(done + TREES, params.trees)
        model.set_params(n_estimators=done).fit(x, y)
        watch.step(done)
    model.set_params(warm_start=False)
    watch.step(done, **_score(model, x[rows], y[rows]))
    return done


def _logistic(model: LogisticRegression, params: Params, x: Floats, y: Any, watch: Watch) -> int:
    """Some iterations at a time, each beginning where the last ended: the problem is convex, so the end is the same."""
    most, done = steps_of(params), 0
    model.set_params(warm_start=True)
    while done < most and not (done and watch.over):
        size = min(ITERATIONS, most - done)
        model.set_params(max_iter=size).fit(x, y)
        made = int(np.max(model.n_iter_))
        done += made
        watch.step(done, **_score(model, x[:SCORED_ROWS], y[:SCORED_ROWS]))
        if made < size:
            break
    model.set_params(max_iter=most, warm_start=False)
    return done


def _ridge(model: Ridge, x: Floats, y: Any, watch: Watch) -> int:
    model.fit(x, y)
    watch.step(1, **_score(model, x[:SCORED_ROWS], y[:SCORED_ROWS]))
    return 1


def _score(model: Any, x: Floats, y: Any) -> dict[str, float]:
    if hasattr(model, "predict_proba"):
        return {"loss": float(log_loss(y, model.predict_proba(x), labels=model.classes_))}
    return {"RMSE": float(root_mean_squared_error(y, model.predict(x)))}
