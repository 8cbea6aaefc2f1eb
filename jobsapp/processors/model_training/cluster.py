"""Groups of similar rows by k-means: several starts for each number of clusters, the best silhouette wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.pipeline import Pipeline

from jobsapp.processors.sdk import JSON, Context, Permanent

from . import plots, saved
from .columns import Floats
from .estimators import pipeline
from .model import TrainingInput
from .outputs import keep_model, keep_report
from .params import KMeansParams
from .problem import Problem
from .table import write_csv
from .watch import Watch

NUMBERS = range(2, 9)
ITERATIONS = 10
MOST_ITERATIONS = 300
SCORED_ROWS = 2_000
STEP = "start"


@dataclass
class Best:
    """The best model for one number of clusters. `silhouette`: -1 to 1, of at most `SCORED_ROWS` rows."""

    model: KMeans
    silhouette: float


def cluster(data: TrainingInput, context: Context, problem: Problem) -> JSON:
    """Group the rows and describe the groups."""
    params = data.parsed()
    assert isinstance(params, KMeansParams)  # noqa: S101 - the input model has seen to it.
    pipe = pipeline(params, problem.columns, classes=False, seed=data.seed, threads=context.threads)
    x = np.asarray(pipe["prepare"].fit_transform(problem.x))
    most = len(np.unique(x, axis=0))
    numbers = [params.clusters] if params.clusters else [k for k in NUMBERS if k < most]
    if not numbers or numbers[-1] > most or numbers[-1] < 2:
        raise Permanent(f"The table has {most} different rows, too few for {params.clusters or 2} clusters.")
    watch = Watch(context, 1, len(numbers) * params.runs, limit=data.time_limit_seconds)
    watch.begin(0, "Starts")
    tried = _try_all(x, numbers, params.runs, data.seed, watch)
    chosen = max(tried, key=lambda k: tried[k].silhouette)
    done = Pipeline([("prepare", pipe["prepare"]), ("model", tried[chosen].model)])
    return _finish(data, context, problem, done, x, tried, watch)


def _try_all(x: Floats, numbers: list[int], runs: int, seed: int, watch: Watch) -> dict[int, Best]:
    sample = np.random.default_rng(seed).permutation(len(x))[:SCORED_ROWS]
    tried: dict[int, Best] = {}
    done = 0
    for k in numbers:
        if tried and watch.over:
            break
        best: KMeans | None = None
        for run in range(runs):
            if best is not None and watch.over:
                break
            model = _run(x, k, seed + run, watch, done)
            done += 1
            if best is None or model.inertia_ < best.inertia_:
                best = model
            watch.step(done, **{"mean squared distance": float(model.inertia_) / len(x)})
        assert best is not None  # noqa: S101 - there is at least one run.
        labels = best.labels_[sample]
        some = 1 < len(np.unique(labels)) < len(labels)
        tried[k] = Best(best, float(silhouette_score(x[sample], labels)) if some else -1.0)
    return tried


def _run(x: Floats, k: int, seed: int, watch: Watch, done: int) -> KMeans:
    """One start, some iterations at a time, each going on from the centres of the last: Lloyd's algorithm unchanged."""
    model = KMeans(k, n_init=1, max_iter=ITERATIONS, random_state=seed % 2**32).fit(x)
    for _ in range(MOST_ITERATIONS // ITERATIONS - 1):
        watch.step(done)
        if model.n_iter_ < ITERATIONS or watch.over:
            break
        model = KMeans(k, init=model.cluster_centers_, n_init=1, max_iter=ITERATIONS).fit(x)
    # The array of the last centres would be saved as a parameter, twice what is needed.
    return model.set_params(init="k-means++", max_iter=MOST_ITERATIONS, random_state=seed % 2**32)


def _finish(
    data: TrainingInput,
    context: Context,
    problem: Problem,
    pipe: Pipeline,
    x: Floats,
    tried: dict[int, Best],
    watch: Watch,
) -> JSON:
    model = pipe["model"]
    labels, k = model.labels_, int(model.n_clusters)
    context.progress(watch.total - 1, watch.total, "Writing the report…")
    schema = saved.schema_of(
        "clustering", None, [], problem.columns, missing=data.missing, algorithm="kmeans", seed=data.seed
    )
    result = _result(problem, model, tried, watch) | {"versions": schema["versions"]}
    model_file = context.workdir / "model.skops"
    saved.save(pipe, schema, model_file)
    keep_model(context, model_file, schema)
    with context.artifact("predictions.csv") as artifact:
        write_csv(artifact.path, ["row", "cluster"], zip(problem.rows.tolist(), labels.tolist(), strict=True))
    keep_report(context, "Clusters", result, _figures(x, labels, data.seed))
    context.progress(watch.total, watch.total, f"{k} clusters of {len(x):,} rows")
    return result


def _result(problem: Problem, model: KMeans, tried: dict[int, Best], watch: Watch) -> dict[str, Any]:
    labels, k = model.labels_, int(model.n_clusters)
    return {
        "task": "clustering",
        "algorithm": "kmeans",
        "clusters": k,
        "silhouette": round(tried[k].silhouette, 6),
        "rows": len(labels),
        "stoppedByTime": watch.stopped,
        "seconds": round(watch.spent, 3),
        "sizes": [{"cluster": n, "rows": int(count)} for n, count in enumerate(np.bincount(labels, minlength=k))],
        "tried": [{"clusters": n, "silhouette": round(one.silhouette, 6)} for n, one in tried.items()],
        "columns": [
            {"column": one.name, "kind": one.kind, "missing": one.missing, "distinct": one.distinct}
            for one in problem.columns
        ],
        "dropped": problem.dropped,
        "warnings": problem.warnings,
    }


def _figures(x: Floats, labels: Any, seed: int) -> dict[str, Any]:
    if x.shape[1] < 2:
        return {}
    sample = np.random.default_rng(seed).permutation(len(x))[: plots.POINTS]
    return {"clusters": plots.groups(PCA(2, random_state=seed).fit_transform(x[sample]), labels[sample])}
