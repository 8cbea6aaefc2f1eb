"""How good a model is: metrics, the baseline that it must beat, and what each column gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from .columns import Column, Floats

REPEATS = 3
IMPORTANCE_ROWS = 5_000
TRAINING_ROWS = 50_000


def classification(y: Any, shares: Floats, classes: int) -> dict[str, float | None]:
    """`y`: codes of the classes, rows; `shares`: rows × classes, each row adds up to 1.

    With two classes F1 and PR AUC are those of the second; with more, means of the classes. An AUC is None where one
    of the classes has no row.
    """
    guess = shares.argmax(axis=1)
    every = np.arange(classes)
    two = classes == 2
    all_there = len(np.unique(y)) == classes
    scores: dict[str, float | None] = {
        "accuracy": metrics.accuracy_score(y, guess),
        "balancedAccuracy": _balanced(y, guess),
        "f1": metrics.f1_score(
            y, guess, labels=None if two else every, average="binary" if two else "macro", zero_division=0.0
        ),
        "logLoss": metrics.log_loss(y, shares, labels=every),
        "rocAuc": None,
        "prAuc": None,
    }
    if all_there:
        one_hot = np.eye(classes)[y]
        scores["rocAuc"] = metrics.roc_auc_score(one_hot[:, 1], shares[:, 1]) if two else _auc(one_hot, shares)
        columns = (1,) if two else range(classes)
        scores["prAuc"] = np.mean([metrics.average_precision_score(one_hot[:, k], shares[:, k]) for k in columns])
    return _rounded(scores)


def regression(y: Floats, guess: Floats) -> dict[str, float | None]:
    """In the unit of the target, but for R²."""
    return _rounded(
        {
            "rmse": metrics.root_mean_squared_error(y, guess),
            "mae": metrics.mean_absolute_error(y, guess),
            "r2": metrics.r2_score(y, guess) if len(y) > 1 else None,
        }
    )


def sample(rows: int, seed: int) -> Any:
    """Places of the training rows that are measured: all, or `TRAINING_ROWS` of them. Asking a model of many trees for
    each row that it learned from may take as long as the learning."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:TRAINING_ROWS])


def baseline(y_train: Any, y_test: Any, classes: int) -> dict[str, float | None]:
    """What always saying the shares of the classes, or the mean of the training rows, would score."""
    if not classes:
        return regression(y_test, np.full(len(y_test), y_train.mean()))
    shares = np.bincount(y_train, minlength=classes) / len(y_train)
    return classification(y_test, np.tile(shares, (len(y_test), 1)), classes)


def shares_of(model: Any, x: Floats, classes: int) -> Floats:
    """Rows × classes; 0 for a class that the training rows did not have."""
    shares = np.zeros((len(x), classes))
    shares[:, model.classes_.astype(int)] = model.predict_proba(x)
    return shares


def measure(model: Any, x: Floats, y: Any, classes: int) -> dict[str, float | None]:
    """The metrics of a fitted model on those rows. `classes` 0: regression."""
    if classes:
        return classification(y, shares_of(model, x, classes), classes)
    return regression(y, model.predict(x))


def importance(
    model: Any, columns: Sequence[Column], x: Floats, y: Any, classes: int, seed: int, told: Callable[[int], None]
) -> list[dict[str, Any]]:
    """What the score loses when the values of a column are shuffled among the rows: permutation importance
    (Breiman 2001), mean and standard deviation of `REPEATS`. The score is accuracy, or R². Most important first.

    All the numbers of a column, such as the parts of a date, are shuffled together. `told` is called after each.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(x))[:IMPORTANCE_ROWS]
    x, y = x[chosen].copy(), y[chosen]
    score = metrics.accuracy_score if classes else metrics.r2_score
    whole = score(y, model.predict(x))
    found, at = [], 0
    for number, column in enumerate(columns, start=1):
        part = slice(at, at + column.width)
        kept, losses = x[:, part].copy(), []
        for _ in range(REPEATS):
            x[:, part] = kept[random.permutation(len(x))]
            losses.append(whole - score(y, model.predict(x)))
        x[:, part] = kept
        at += column.width
        found.append(
            {"column": column.name, "loss": round(float(np.mean(losses)), 6), "spread": round(float(np.std(losses)), 6)}
        )
        told(number)
    return sorted(found, key=lambda one: -float(one["loss"]))


def folds_summary(folds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation of each metric over the folds."""
    rows = []
    for name in [key for key in folds[0] if key != "fold"] if folds else []:
        values = [fold[name] for fold in folds if fold[name] is not None]
        if values:
            rows.append(
                {"metric": name, "mean": round(float(np.mean(values)), 6), "spread": round(float(np.std(values)), 6)}
            )
    return rows


def _balanced(y: Any, guess: Any) -> float:
    return float(np.mean([np.mean(guess[y == k] == k) for k in np.unique(y)]))


def _auc(one_hot: Floats, shares: Floats) -> float:
    return float(np.mean([metrics.roc_auc_score(one_hot[:, k], shares[:, k]) for k in range(one_hot.shape[1])]))


def _rounded(scores: dict[str, Any]) -> dict[str, float | None]:
    return {name: None if value is None else round(float(value), 6) for name, value in scores.items()}
