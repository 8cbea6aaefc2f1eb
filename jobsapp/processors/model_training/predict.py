"""Applies a trained model to another table, after comparing it with the model's schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import numpy as np

from jobsapp.processors.sdk import JSON, Context, Permanent

from . import columns as cols
from . import problem as problems
from . import saved, scores
from .columns import Floats, Unfit
from .model import TrainingInput
from .saved import Model
from .table import read, write_csv
from .train import quietly

BATCH = 20_000


def predict(data: TrainingInput, context: Context) -> JSON:
    """Write `predictions.csv`, a row for each of the table. Raises `Permanent` if the table does not fit the model."""
    with quietly(context):
        assert data.model is not None  # noqa: S101 - the input model has seen to it.
        file = context.file(data.model)
        model = saved.load(file.path, file.name)
        if hasattr(model.pipe["model"], "n_jobs"):
            model.pipe["model"].n_jobs = context.threads
        table = read(data, context.file(data.source), context)
        found = _features(model, table, file.name)
        answers, shares = _answers(model, found, context)
        names = [f"share of {name}" for name in model.classes] if shares is not None else []
        target = model.schema["target"] or "cluster"
        with context.artifact("predictions.csv") as artifact:
            write_csv(artifact.path, ["row", f"predicted {target}", *names], _rows(answers, shares))
        context.progress(len(answers), len(answers), f"Predicted {len(answers):,} rows")
        return _result(model, table, answers)


def _features(model: Model, table: Any, name: str) -> Floats:
    lacking = [column.name for column in model.columns if column.name not in table.column_names]
    if lacking:
        near = difflib.get_close_matches(lacking[0], table.column_names, 1)
        hint = f" Is it {near[0]!r}?" if near else ""
        raise Permanent(f"The table lacks {', '.join(map(repr, lacking[:10]))}, which {name} was trained on.{hint}")
    arrays: dict[str, Any] = {}
    for column in model.columns:
        try:
            arrays[column.name] = cols.clean(table[column.name], model.schema["missing"])
        except Unfit as error:
            raise Permanent(f"Column {column.name!r} {error}; in training it was a {column.kind}.") from None
    return problems.encoded(model.columns, arrays)


def _answers(model: Model, x: Floats, context: Context) -> tuple[list[Any], Floats | None]:
    classes = model.classes
    answers: list[Any] = []
    parts: list[Floats] = []
    for start in range(0, len(x), BATCH):
        part = x[start : start + BATCH]
        if classes:
            parts.append(scores.shares_of(model.pipe, part, len(classes)))
            answers += [classes[k] for k in parts[-1].argmax(axis=1)]
        else:
            answers += model.pipe.predict(part).tolist()
        context.progress(min(start + BATCH, len(x)), len(x), f"Predicted {len(answers):,} rows")
        context.check_cancelled()
    return answers, np.vstack(parts) if parts else None


def _rows(answers: list[Any], shares: Floats | None) -> Iterator[list[Any]]:
    for at, answer in enumerate(answers):
        yield [at + 1, answer, *(f"{one:.6f}" for one in shares[at])] if shares is not None else [at + 1, answer]


def _result(model: Model, table: Any, answers: list[Any]) -> JSON:
    unused = [name for name in table.column_names if name not in {one.name for one in model.columns}]
    result: dict[str, Any] = {
        "mode": "predict",
        "task": model.schema["task"],
        "target": model.schema["target"],
        "rows": len(answers),
        "newValues": _new(model, table),
        "unusedColumns": unused,
    }
    if model.schema["task"] == "regression":
        values = np.array(answers)
        return result | {"smallest": float(values.min()), "mean": float(values.mean()), "largest": float(values.max())}
    names, counts = np.unique(np.array(answers, dtype=str), return_counts=True)
    return result | {"predicted": [{"value": str(name), "rows": int(n)} for name, n in zip(names, counts, strict=True)]}


def _new(model: Model, table: Any) -> list[dict[str, Any]]:
    """Values of categories that were not among those of the training; they count as `other`."""
    found = []
    for column in model.columns:
        if column.kind == "category":
            codes = cols.encode(column, cols.clean(table[column.name], model.schema["missing"]))
            if count := int((codes == cols.OTHER).sum()):
                found.append({"column": column.name, "rows": count})
    return found
