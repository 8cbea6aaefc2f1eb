"""One training from its table to its result: fit, folds, measure, save, draw."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from jobsapp.processors.sdk import JSON, Context, InputFile

from . import beside, saved, scores
from . import problem as problems
from .cluster import cluster
from .estimators import fit_bytes, pipeline
from .fitting import fit, steps_of
from .half import Half
from .kept import Kept
from .model import TrainingInput
from .outputs import keep_all
from .params import Params
from .problem import Problem
from .search import Search
from .table import read, refuse_over
from .watch import FITTING, Watch


@contextmanager
def quietly(context: Context) -> Iterator[None]:
    """The job's number of threads, and none of the library's warnings: what matters is said in the result.

    They are recorded rather than filtered, since the threads of a forest take each other's filters away.
    """
    with threadpool_limits(context.threads), warnings.catch_warnings(record=True), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def train(data: TrainingInput, context: Context) -> JSON:
    """Train and describe what came of it. Raises `Permanent` with a sentence, or `Cancelled`."""
    with quietly(context):
        source = context.file(data.source)
        kept = Kept(context, data, source)
        problem = problems.build(data, read(data, source, context))
        need = fit_bytes(data.parsed(), problem.columns, len(problem.x))
        refuse_over(need, data.memory_mb, f"Fitting {data.chosen}", "Use fewer rows, columns or trees, or allow more.")
        for warning in problem.warnings:
            context.log(warning, "warning")
        if problem.task == "clustering":
            return cluster(data, context, problem)
        return Training(data, context, source, problem, kept).run()


@dataclass
class Fitted:
    """The model, the places of the rows for training and test, and what is known of the fit."""

    pipe: Pipeline
    train: Any
    test: Any
    facts: dict[str, Any]


class Training:
    """Of a target: the model first, so that there is one whenever the time is over, then the folds."""

    def __init__(self, data: TrainingInput, context: Context, source: InputFile, problem: Problem, kept: Kept) -> None:
        self.data, self.context, self.source, self.problem, self.kept = data, context, source, problem, kept
        self.params: Params = data.parsed()
        self.classes = len(problem.classes)
        self.beside = data.compare and data.chosen != "linear"
        fits = data.search_trials + 1 + data.folds + self.beside
        self.watch = Watch(context, fits, steps_of(self.params), spent=kept.spent, limit=data.time_limit_seconds)

    def run(self) -> JSON:
        train, test = problems.split(self.data, self.problem)
        parts = problems.folds(self.data, self.problem.y[train], classes=self.classes > 0)
        self.search = Search(self.data, self.problem, self.kept, self.watch, self.context.threads)
        if self.data.search_trials and self.kept.model is None:
            self.params = self.search.run(self.params, train)
        elif self.data.search_trials:
            self.params = type(self.params).model_validate(self.kept.facts["params"])
        fitted = self._fitted(train, test)
        folds = self._folds(train, parts)
        result = self._result(fitted, folds, self._linear(train, test))
        assert self.kept.model is not None  # noqa: S101 - it is what was fitted.
        keep_all(self.context, self.data, self.problem, fitted, self.kept.model, self._schema(), result)
        self.context.progress(self.watch.total, self.watch.total, f"Trained on {len(train):,} rows")
        return result

    def _pipeline(self) -> Pipeline:
        return pipeline(
            self.params,
            self.problem.columns,
            classes=self.classes > 0,
            seed=self.data.seed,
            threads=self.context.threads,
        )

    def _schema(self) -> dict[str, Any]:
        problem, data = self.problem, self.data
        more = {"algorithm": data.chosen, "params": self.params.model_dump(), "seed": data.seed}
        return saved.schema_of(
            problem.task, data.target, problem.classes, problem.columns, missing=data.missing, **more
        )

    def _fitted(self, train: Any, test: Any) -> Fitted:
        if self.kept.model is not None:
            pipe = saved.load(self.kept.model, "The kept model").pipe
            return Fitted(pipe, train, test, self.kept.facts)
        pipe = self._pipeline()
        self.watch.begin(self.data.search_trials, FITTING)
        half = Half(self.kept, self.watch)
        steps = fit(pipe, self.params, self.problem.x[train], self.problem.y[train], self.watch, half)
        facts = {
            "params": self.params.model_dump(),
            "steps": steps,
            "stoppedByTime": self.watch.stopped,
            "curve": self.watch.thin_curve(),
        }
        path = self.context.keepdir / f"{self.context.attempt}-model.skops"
        saved.save(pipe, self._schema(), path)
        self.kept.keep_model(path, facts, self.watch.spent)
        return Fitted(pipe, train, test, facts)

    def _folds(self, train: Any, parts: list[tuple[Any, Any]]) -> list[dict[str, Any]]:
        """Metrics of each fold, those of an earlier attempt as they are. One that the time cut short does not count."""
        x, y = self.problem.x[train], self.problem.y[train]
        for number, (inner, outer) in enumerate(parts, start=1):
            if str(number) in self.kept.folds:
                continue
            if self.watch.over:
                break
            pipe = self._pipeline()
            self.watch.begin(self.data.search_trials + number, f"Fold {number} of {len(parts)}")
            fit(pipe, self.params, x[inner], y[inner], self.watch)
            if self.watch.stopped:
                break
            self.kept.keep_fold(number, scores.measure(pipe, x[outer], y[outer], self.classes), self.watch.spent)
        return [{"fold": int(number), **found} for number, found in self.kept.folds.items()]

    def _linear(self, train: Any, test: Any) -> dict[str, float | None]:
        if not self.beside:
            return {}
        self.watch.begin(self.data.search_trials + 1 + self.data.folds, beside.TITLE, beside.ITERATIONS)
        return beside.linear(self.problem, train, test, seed=self.data.seed, watch=self.watch)

    def _result(self, fitted: Fitted, folds: list[dict[str, Any]], simple: dict[str, float | None]) -> dict[str, Any]:
        problem, y = self.problem, self.problem.y
        learnt = fitted.train[scores.sample(len(fitted.train), self.data.seed)]
        test, seen = (
            scores.measure(fitted.pipe, problem.x[part], y[part], self.classes) for part in (fitted.test, learnt)
        )
        base = scores.baseline(y[fitted.train], y[fitted.test], self.classes)
        lead = ("accuracy", "rocAuc") if self.classes else ("rmse", "r2")
        gives = self._importance(fitted)
        return {
            "task": problem.task,
            "target": self.data.target,
            "algorithm": self.data.chosen,
            **{name: test[name] for name in lead},
            f"{lead[0]}OfBaseline": base[lead[0]],
            "trainingRows": len(fitted.train),
            "testRows": len(fitted.test),
            "steps": fitted.facts["steps"],
            "stoppedByTime": bool(fitted.facts["stoppedByTime"] or self.watch.stopped),
            "seconds": round(self.watch.spent, 3),
            "metrics": [
                {"metric": name, "test": test[name], "training": seen[name]}
                | ({"linear": simple[name]} if simple else {})
                | {"baseline": base[name]}
                for name in test
            ],
            "trials": self.search.rows(),
            "folds": folds,
            "foldsTogether": scores.folds_summary(folds),
            **self._confusion(fitted),
            "importance": gives,
            **self.about(),
            "warnings": [*problem.warnings, *self._doubts(test, base, simple, gives, folds)],
            "curve": fitted.facts["curve"],
        }

    def about(self) -> dict[str, Any]:
        return describe(self.problem) | {
            "parameters": [{"name": name, "value": value} for name, value in self.params.model_dump().items()],
            "versions": self._schema()["versions"],
        }

    def _importance(self, fitted: Fitted) -> list[dict[str, Any]]:
        columns, total = self.problem.columns, self.watch.total

        def told(number: int) -> None:
            self.context.progress(total - 1, total, f"What each column gives: {number} of {len(columns)}")
            self.context.check_cancelled()

        told(0)
        x, y = self.problem.x[fitted.test], self.problem.y[fitted.test]
        return scores.importance(fitted.pipe, columns, x, y, self.classes, self.data.seed, told)

    def _confusion(self, fitted: Fitted) -> dict[str, Any]:
        if not self.classes:
            return {}
        counts = confusion(self.problem.y[fitted.test], fitted.pipe.predict(self.problem.x[fitted.test]), self.classes)
        names = self.problem.classes
        return {
            "confusion": [
                {"actual": names[k], **{f"said {names[n]}": int(counts[k, n]) for n in range(self.classes)}}
                for k in range(self.classes)
            ]
        }

    def _doubts(
        self,
        test: dict[str, Any],
        base: dict[str, Any],
        simple: dict[str, float | None],
        gives: list[dict[str, Any]],
        folds: list[Any],
    ) -> list[str]:
        said = []
        name = "accuracy" if self.classes else "r2"
        if test[name] is not None and base[name] is not None and test[name] <= base[name]:
            said.append("The model is no better than the baseline: these columns say little about the target.")
        elif (plain := simple.get(name)) is not None and test[name] is not None and plain >= test[name]:
            said.append(
                f"A linear model does as well ({name} {plain:.3f} against {test[name]:.3f}) and can be explained: "
                "choose the algorithm linear."
            )
        rest = sum(max(float(one["loss"]), 0.0) for one in gives[1:])
        if test[name] is not None and test[name] > 0.99 and gives[0]["loss"] > 10 * rest and len(gives) > 1:
            said.append(
                f"{gives[0]['column']!r} alone gives the answer. If it is not known beforehand, leave it out (exclude)."
            )
        if len(folds) < self.data.folds:
            said.append(f"The time was over after {len(folds)} of {self.data.folds} folds.")
        return said


def confusion(y: Any, guess: Any, classes: int) -> Any:
    """Classes × classes: rows are the actual ones, columns what the model said."""
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (y, guess.astype(int)), 1)
    return counts


def describe(problem: Problem) -> dict[str, Any]:
    """The columns of a result."""
    return {
        "columns": [
            {"column": one.name, "kind": one.kind, "missing": one.missing, "distinct": one.distinct}
            for one in problem.columns
        ],
        "dropped": problem.dropped,
    }


def as_text(value: Any) -> str:
    """JSON for a file."""
    return json.dumps(value, ensure_ascii=False, indent=2)
