"""The scikit-learn pipeline of each algorithm, over the numbers that `problem.encoded` makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .columns import Column
from .params import Boosting, Forest, KMeansParams, Linear, Params


def pipeline(params: Params, columns: Sequence[Column], *, classes: bool, seed: int, threads: int) -> Pipeline:
    """Steps `prepare` and `model`. Missing numbers become the median of the training rows, but for the boosting,
    which knows missing values itself; a missing category is a category of its own.
    """
    if isinstance(params, Boosting):
        return Pipeline([("prepare", "passthrough"), ("model", _boosting(params, columns, classes, seed))])
    scaled = isinstance(params, Linear | KMeansParams)
    return Pipeline([("prepare", _prepare(columns, scaled)), ("model", _model(params, classes, seed, threads))])


def fit_bytes(params: Params, columns: Sequence[Column], rows: int) -> float:
    """An estimate of what a fit takes in memory: the prepared table and copies of it, and the trees of a forest.

    A category is one number for each of its values, but for the boosting. A forest's trees grow to a leaf for each
    `min_leaf` rows where the columns say little; a leaf was measured at 160 bytes, with what saving it takes.
    """
    if isinstance(params, Boosting):
        width = sum(column.width for column in columns)
    else:
        width = sum(len(one.categories) + 2 if one.kind == "category" else one.width for one in columns)
    trees = 0.0
    if isinstance(params, Forest):
        leaves = rows / params.min_leaf
        trees = params.trees * 160.0 * (min(leaves, 2.0**params.depth) if params.depth else leaves)
    return rows * width * 8.0 * 3 + trees


def positions(columns: Sequence[Column], *, category: bool) -> list[int]:
    """Places in the matrix of the categories, or of all that is not one."""
    found: list[int] = []
    at = 0
    for column in columns:
        if (column.kind == "category") == category:
            found += range(at, at + column.width)
        at += column.width
    return found


def _prepare(columns: Sequence[Column], scaled: bool) -> ColumnTransformer:
    numbers: list[tuple[str, Any]] = [("fill", SimpleImputer(strategy="median", keep_empty_features=True))]
    if scaled:
        numbers.append(("scale", StandardScaler()))
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", Pipeline(numbers), positions(columns, category=False)),
            ("categories", names, positions(columns, category=True)),
        ]
    )


def _boosting(params: Boosting, columns: Sequence[Column], classes: bool, seed: int) -> Any:
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(
        max_iter=params.trees,
        learning_rate=params.learning_rate,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.min_leaf,
        l2_regularization=params.l2,
        categorical_features=positions(columns, category=True) or None,
        early_stopping=False,
        random_state=seed,
    )


def _model(params: Params, classes: bool, seed: int, threads: int) -> Any:
    if isinstance(params, Forest):
        kind = RandomForestClassifier if classes else RandomForestRegressor
        depth = params.depth or None
        return kind(params.trees, max_depth=depth, min_samples_leaf=params.min_leaf, n_jobs=threads, random_state=seed)
    if isinstance(params, Linear):
        if classes:
            return LogisticRegression(C=1 / params.strength, max_iter=params.iterations)
        return Ridge(alpha=params.strength, max_iter=params.iterations)
    if isinstance(params, KMeansParams):
        return KMeans(params.clusters or 2, n_init=1, random_state=seed)
    raise TypeError(type(params).__name__)
