"""The charts of a report, by matplotlib without pyplot: nothing is shared between jobs, and no window is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn import metrics

from .columns import Floats

COLOUR = "#2563eb"
SHOWN = 20
POINTS = 5_000
Draw = Callable[[Any], None]


def figure(draw: Draw, *, width: float = 6.0, height: float = 4.0) -> Figure:
    """A figure (inches) with one pair of axes that `draw` fills."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    draw(made.add_subplot())
    return made


def image(made: Figure, kind: str) -> bytes:
    """The figure as png or svg. No date in it: the same training gives the same bytes."""
    out = BytesIO()
    made.savefig(out, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else {"Software": None})
    # The second format takes the layout of the first: finding it takes as long as drawing.
    made.set_layout_engine("none")
    return out.getvalue()


def importance(rows: Sequence[dict[str, Any]]) -> Figure:
    """Bars of the most important columns, with the spread over the repeats."""
    rows = list(reversed(rows[:SHOWN]))

    def draw(axes: Any) -> None:
        names = [str(one["column"])[:40].replace("$", r"\$") for one in rows]
        axes.barh(range(len(rows)), [one["loss"] for one in rows], xerr=[one["spread"] for one in rows], color=COLOUR)
        axes.set_yticks(range(len(rows)), names)
        axes.set(title="What the score loses without a column", xlabel="loss of score")

    return figure(draw, height=1.2 + 0.28 * len(rows))


def curve(points: Sequence[dict[str, Any]]) -> Figure:
    """Scores over the steps of the fit."""

    def draw(axes: Any) -> None:
        for name in [key for key in points[-1] if key != "step"]:
            axes.plot([one["step"] for one in points], [one[name] for one in points], marker=".", label=name)
        axes.legend()
        axes.set(title="Learning", xlabel="step")

    return figure(draw)


def confusion(counts: Any, classes: Sequence[str]) -> Figure:
    """Counts by actual class (rows) and answer (columns)."""

    def draw(axes: Any) -> None:
        axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        names = [name[:16].replace("$", r"\$") for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
        if len(names) <= SHOWN:
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if count * 2 > counts[row].sum() else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour)
        axes.set(title="Confusion matrix (test)", xlabel="the model said", ylabel="actual")

    return figure(draw, width=6, height=5)


def curves(y: Any, shares: Floats, classes: Sequence[str], kind: str) -> Figure:
    """ROC or precision-recall curve, `kind` roc or pr: of the second class, or one for each of more."""

    def draw(axes: Any) -> None:
        for k in [1] if len(classes) == 2 else range(len(classes)):
            if kind == "roc":
                across, up, _ = metrics.roc_curve(y == k, shares[:, k])
            else:
                up, across, _ = metrics.precision_recall_curve(y == k, shares[:, k])
            axes.plot(across, up, label=classes[k][:16].replace("$", r"\$"))
        words = ("False positive rate", "True positive rate") if kind == "roc" else ("Recall", "Precision")
        axes.set(title="ROC (test)" if kind == "roc" else "Precision and recall (test)", xlabel=words[0])
        axes.set_ylabel(words[1])
        if len(classes) <= SHOWN:
            axes.legend()

    return figure(draw)


def residuals(y: Floats, guess: Floats) -> Figure:
    """Actual against predicted; on the line the model is right."""

    def draw(axes: Any) -> None:
        axes.scatter(y[:POINTS], guess[:POINTS], s=10, alpha=0.5, color=COLOUR)
        ends = [float(min(y.min(), guess.min())), float(max(y.max(), guess.max()))]
        axes.plot(ends, ends, color="grey")
        axes.set(title="Predicted and actual (test)", xlabel="actual", ylabel="predicted")

    return figure(draw)


def groups(flat: Floats, labels: Any) -> Figure:
    """Rows × 2 as points in the colour of their cluster."""

    def draw(axes: Any) -> None:
        axes.scatter(flat[:POINTS, 0], flat[:POINTS, 1], c=labels[:POINTS], s=10, cmap="tab10")
        axes.set(title="Clusters on the two main components", xlabel="first", ylabel="second")

    return figure(draw)
