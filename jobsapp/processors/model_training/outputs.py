"""The files of a training: model, schema, predictions of the test, charts, report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from jobsapp.processors.sdk import Context

from . import plots, scores
from .model import TrainingInput
from .problem import Problem
from .report import page
from .table import write_csv

if TYPE_CHECKING:
    from .train import Fitted


def keep_all(
    context: Context,
    data: TrainingInput,
    problem: Problem,
    fitted: Fitted,
    model: Path,
    schema: dict[str, Any],
    result: Mapping[str, Any],
) -> None:
    """Keep all artifacts of a classification or a regression. `model`: the file that it is saved in."""
    keep_model(context, model, schema)
    x, y = problem.x[fitted.test], problem.y[fitted.test]
    shares = scores.shares_of(fitted.pipe, x, len(problem.classes)) if problem.classes else None
    guess = shares.argmax(axis=1) if shares is not None else fitted.pipe.predict(x)
    with context.artifact("predictions.csv") as artifact:
        rows = _rows(problem, problem.rows[fitted.test], y, guess, shares)
        names = [f"share of {name}" for name in problem.classes]
        write_csv(artifact.path, ["row", "actual", "predicted", *names], rows)
    with context.artifact("metrics.json") as artifact:
        artifact.path.write_text(json.dumps(result, ensure_ascii=False, indent=2), encoding="utf-8")
    figures: dict[str, Figure] = {"importance": plots.importance(result["importance"])}
    if result["curve"]:
        figures["learning"] = plots.curve(result["curve"])
    if shares is None:
        figures["residuals"] = plots.residuals(y, guess)
    else:
        figures |= _class_figures(problem, y, guess, shares)
    keep_report(context, f"{data.target}: {problem.task}", result, figures)


def _class_figures(problem: Problem, y: Any, guess: Any, shares: Any) -> dict[str, Figure]:
    from .train import confusion

    made = {"confusion": plots.confusion(confusion(y, guess, len(problem.classes)), problem.classes)}
    if len(set(y.tolist())) == len(problem.classes):
        made |= {kind: plots.curves(y, shares, problem.classes, kind) for kind in ("roc", "pr")}
    return made


def _rows(problem: Problem, rows: Any, y: Any, guess: Any, shares: Any) -> Iterator[list[Any]]:
    names = problem.classes
    for at, row in enumerate(rows.tolist()):
        if shares is None:
            yield [row, repr(float(y[at])), repr(float(guess[at]))]
        else:
            yield [row, names[y[at]], names[guess[at]], *(f"{one:.6f}" for one in shares[at])]


def keep_model(context: Context, model: Path, schema: dict[str, Any]) -> None:
    """A saved model as `model.skops`, and its schema as `schema.json` for people."""
    with context.artifact("model.skops", "application/zip") as artifact:
        shutil.copyfile(model, artifact.path)
    with context.artifact("schema.json") as artifact:
        artifact.path.write_text(json.dumps(schema, ensure_ascii=False, indent=2), encoding="utf-8")


def keep_report(context: Context, title: str, result: Mapping[str, Any], figures: Mapping[str, Figure]) -> None:
    """Each figure as PNG and SVG, and the report with all of them."""
    images = {}
    for name, figure in figures.items():
        context.check_cancelled()
        images[name] = plots.image(figure, "png")
        for kind, content in (("png", images[name]), ("svg", plots.image(figure, "svg"))):
            with context.artifact(f"{name}.{kind}") as artifact:
                artifact.path.write_bytes(content)
    with context.artifact("report.html") as artifact:
        artifact.path.write_text(page(title, result, images), encoding="utf-8")
