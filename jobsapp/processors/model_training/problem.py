"""From a table to what is learned: features, target, classes, and which rows are for the test."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from jobsapp.processors.sdk import Permanent

from . import columns as cols
from .arrow import pa, pc
from .columns import Column, Floats, Mismatch, Unfit
from .model import TrainingInput

FEWEST_ROWS = 20
MOST_CLASSES = 200
# Few repeated rows do no harm, and tables of few columns always have some.
MANY_REPEATED = 0.05
FEW_NUMBERS = 20


@dataclass
class Problem:
    """`x`: rows × features; `y`: class codes or numbers, None for clustering; `rows`: numbers in the table, from 1.

    `classes`: empty for regression and clustering. `dropped`: columns that are not learned from, with the reason.
    """

    task: str
    columns: list[Column]
    x: Floats
    y: Any
    classes: list[str]
    rows: Any
    dropped: list[dict[str, str]]
    warnings: list[str] = field(default_factory=list)


def build(data: TrainingInput, table: Any) -> Problem:
    """Raises `Permanent` with what is wrong with the columns, the target or the number of rows."""
    _known(data, table.column_names)
    total = table.num_rows
    if table.num_rows < FEWEST_ROWS:
        raise Permanent(f"The table has {table.num_rows} rows; at least {FEWEST_ROWS} are needed to learn from.")
    task, y, rows = "clustering", None, np.arange(1, table.num_rows + 1)
    classes: list[str] = []
    if data.target:
        target = _target_array(data.target, table, data.missing)
        there = np.flatnonzero(pc.is_valid(target).to_numpy(zero_copy_only=False))
        task, y, classes = _target(data, target.take(pa.array(there)))
        table, rows = table.take(pa.array(there)), there + 1
    found, arrays, dropped = _features(data, table)
    problem = Problem(task, found, encoded(found, arrays), y, classes, rows, dropped)
    _warn(problem, data, total)
    return problem


def split(data: TrainingInput, problem: Problem) -> tuple[Any, Any]:
    """Places of the rows for training and for the test, in order."""
    strata = problem.y if problem.classes and data.stratify else None
    every = np.arange(len(problem.y))
    try:
        train, test = train_test_split(every, test_size=data.test_share, random_state=data.seed, stratify=strata)
    except ValueError as error:
        raise Permanent(f"The rows cannot be split for a test: {error} Change testShare or stratify.") from None
    if problem.classes and len(np.unique(problem.y[train])) < len(problem.classes):
        gone = sorted(set(range(len(problem.classes))) - set(problem.y[train]))
        raise Permanent(f"Class {problem.classes[gone[0]]!r} came into the test only. Use stratify or more rows of it.")
    return np.sort(train), np.sort(test)


def folds(data: TrainingInput, y: Any, *, classes: bool) -> list[tuple[Any, Any]]:
    """Places within the training rows: to fit on and to measure on."""
    if not data.folds:
        return []
    if len(y) < 2 * data.folds:
        raise Permanent(f"{len(y)} training rows are too few for {data.folds} folds. Use fewer folds.")
    if classes and data.stratify and (least := int(np.bincount(y).min())) < data.folds:
        raise Permanent(f"The rarest class has {least} training rows, fewer than the {data.folds} folds. Use fewer.")
    kind = StratifiedKFold if classes and data.stratify else KFold
    return list(kind(data.folds, shuffle=True, random_state=data.seed).split(np.zeros(len(y)), y))


def _known(data: TrainingInput, names: Sequence[str]) -> None:
    asked = [("target", [data.target] if data.target else []), ("features", data.features or [])]
    for said, wanted in [*asked, ("exclude", data.exclude), ("categorical", data.categorical)]:
        for name in wanted:
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(names[:20])}."
                raise Permanent(f"{said}: the table has no column {name!r}. {hint}")


def _target_array(name: str, table: Any, missing: Sequence[str]) -> Any:
    try:
        target = cols.clean(table[name], missing)
    except Unfit as error:
        raise Permanent(f"The target {name!r} {error}.") from None
    valid = len(target) - target.null_count
    if valid < FEWEST_ROWS:
        raise Permanent(f"The target {name!r} has a value in {valid} rows only; at least {FEWEST_ROWS} are needed.")
    return target


def _target(data: TrainingInput, array: Any) -> tuple[str, Any, list[str]]:
    name, distinct = data.target, pc.count_distinct(array).as_py()
    if distinct == 1:
        raise Permanent(f"The target {name!r} is {array[0].as_py()!r} in every row: there is nothing to predict.")
    kind = cols.kind_of(array)
    if kind == "date":
        raise Permanent(f"The target {name!r} holds dates. Turn them into a number, such as days from now.")
    numbers = cols.encode(Column(str(name), "number"), array)[:, 0] if kind == "number" else None
    if data.task == "regression" or (data.task == "auto" and numbers is not None and not _few(numbers, distinct)):
        if numbers is None:
            raise Permanent(f"The target {name!r} is text, so it cannot be a regression. Choose classification.")
        if np.isnan(numbers).any():
            raise Permanent(f"The target {name!r} holds infinite numbers. Leave these rows out.")
        return "regression", numbers, []
    return _classes(str(name), array, distinct)


def _few(numbers: Floats, distinct: int) -> bool:
    return bool(np.all(numbers == np.floor(numbers)) and distinct <= FEW_NUMBERS and distinct <= len(numbers) / 5)


def _classes(name: str, array: Any, distinct: int) -> tuple[str, Any, list[str]]:
    if distinct == len(array):
        raise Permanent(f"The target {name!r} is different in every row, so it is no class. Is it an identifier?")
    if distinct > MOST_CLASSES:
        raise Permanent(f"The target {name!r} has {distinct:,} different values; at most {MOST_CLASSES} classes do.")
    text = cols.as_names(array)
    counted = pc.value_counts(text)
    counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
    if alone := [value for value, count in counts.items() if count == 1]:
        raise Permanent(
            f"Class {alone[0]!r} of {name!r} has one row only, so it cannot be both learned and tested. "
            "Add rows of it, or leave that row out."
        )
    classes = sorted(counts, key=_sorting)
    return "classification", pc.index_in(text, value_set=pa.array(classes)).to_numpy().astype(np.int64), classes


def _sorting(value: str) -> tuple[int, float, str]:
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def _features(data: TrainingInput, table: Any) -> tuple[list[Column], dict[str, Any], list[dict[str, str]]]:
    found: list[Column] = []
    arrays: dict[str, Any] = {}
    dropped: list[dict[str, str]] = []
    for name in data.features or [one for one in table.column_names if one != data.target]:
        try:
            if name in data.exclude:
                raise Unfit("was left out by exclude")
            array = cols.clean(table[name], data.missing)
            if name not in data.categorical:
                array = cols.as_numbers(array)
            column = cols.describe(name, array, categorical=name in data.categorical)
        except Unfit as error:
            dropped.append({"column": name, "reason": str(error)})
            continue
        found.append(column)
        arrays[name] = array
    if not found:
        why = "; ".join(f"{one['column']} {one['reason']}" for one in dropped[:5])
        raise Permanent(f"No column is left to learn from. {why}")
    return found, arrays, dropped


def encoded(found: Sequence[Column], arrays: dict[str, Any]) -> Floats:
    """Rows × features. Raises `Permanent` naming the row and the column of a value that is not of its kind."""
    parts = []
    for column in found:
        try:
            parts.append(cols.encode(column, arrays[column.name]))
        except Mismatch as error:
            raise Permanent(f"Row {error.row:,}: {error.value!r} in {column.name!r} is no {column.kind}.") from None
    return np.hstack(parts)


def _warn(problem: Problem, data: TrainingInput, total: int) -> None:
    if gone := total - len(problem.rows):
        problem.warnings.append(f"{gone:,} rows have no {data.target!r} and were left out.")
    if problem.classes:
        counts, rows = np.bincount(problem.y), len(problem.y)
        least = int(counts.argmin())
        if counts[least] < rows * (0.1 if len(counts) == 2 else 0.2 / len(counts)):
            problem.warnings.append(
                f"Class {problem.classes[least]!r} is rare ({counts[least] / rows:.1%}): look at F1 and PR AUC rather "
                "than accuracy."
            )
        problem.warnings += _copies(problem)
    if data.target and (same := _repeated(problem)) > len(problem.y) * MANY_REPEATED:
        problem.warnings.append(
            f"{same:,} rows occur more than once: the same row in training and test makes the metrics too good."
        )


def _repeated(problem: Problem) -> int:
    """How many rows are like one before, target and all: told by a mark of 64 bits for each row."""
    rows = np.nan_to_num(np.column_stack([problem.x, problem.y]), nan=np.finfo(np.float64).max)
    # -0.0 is 0.0. The multipliers are those of splitmix64: numbers with many zero bits must not add up to the same.
    bits = np.ascontiguousarray(rows + 0.0).view(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    own = np.random.default_rng(0).integers(1, 2**64 - 1, rows.shape[1], dtype=np.uint64) | np.uint64(1)
    marks = ((bits ^ (bits >> np.uint64(31))) * own).sum(axis=1, dtype=np.uint64)
    return len(rows) - len(np.unique(marks))


def _copies(problem: Problem) -> list[str]:
    """Columns whose categories each stand for one class: they may give the answer away."""
    found, at = [], 0
    for column in problem.columns:
        values = problem.x[:, at]
        at += column.width
        if column.kind == "category" and len(column.categories) == len(problem.classes):
            pairs = {pair for pair in zip(values.tolist(), problem.y.tolist(), strict=True) if pair[0] == pair[0]}
            if len(pairs) == len(problem.classes):
                found.append(f"{column.name!r} says the class exactly; leave it out if it is not known beforehand.")
    return found
