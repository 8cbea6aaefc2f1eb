"""What a training gives back, against scikit-learn doing the same by itself."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from tests.processors.model_training.conftest import cells, rows_of


def parts(name: str, *, stratify: bool = True):
    """The split that a training with seed 0 makes, and the classes."""
    from sklearn.model_selection import train_test_split

    _, rows = rows_of(name)
    x = np.array([row[:-1] for row in rows])
    ends = [row[-1] for row in rows]
    classes = sorted(set(ends)) if stratify else []
    y = np.array([classes.index(one) for one in ends] if stratify else ends)
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y if stratify else None)
    train, test = np.sort(train), np.sort(test)
    return x[train], y[train], x[test], y[test]


def metric(run, name, of="test"):
    return next(row[of] for row in run.result["metrics"] if row["metric"] == name)


def test_boosting_is_that_of_scikit_learn(train, table) -> None:
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    from jobsapp.processors.model_training import saved

    run = train(table("breast_cancer"), params={"trees": 40})
    x, y, x_test, y_test = parts("breast_cancer")
    shares = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(x, y).predict_proba(x_test)
    assert metric(run, "logLoss") == pytest.approx(log_loss(y_test, shares), abs=1e-6)
    assert metric(run, "rocAuc") == pytest.approx(roc_auc_score(y_test, shares[:, 1]), abs=1e-6)
    assert run.result["accuracy"] == pytest.approx(accuracy_score(y_test, shares.argmax(axis=1)), abs=1e-6)
    assert run.result["accuracy"] > 0.9 > run.result["accuracyOfBaseline"]
    made = skops.io.load(run.artifacts["model.skops"], trusted=sorted(saved.ALLOWED))
    assert np.array_equal(made.predict_proba(x_test), shares), "the file holds that very model"


def test_the_curve_is_the_loss_of_each_tree(train, table) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import log_loss

    run = train(table("breast_cancer"), params={"trees": 12})
    x, y, _, _ = parts("breast_cancer")
    model = HistGradientBoostingClassifier(max_iter=12, random_state=0).fit(x, y)
    losses = [log_loss(y, shares) for shares in model.staged_predict_proba(x)]
    assert [point["step"] for point in run.result["curve"]] == list(range(13))
    assert [point["loss"] for point in run.result["curve"][1:]] == pytest.approx(losses, abs=1e-5)


def test_forest_is_that_of_scikit_learn(train, table) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import r2_score

    run = train(table("diabetes"), algorithm="random_forest", params={"trees": 23, "minLeaf": 3})
    x, y, x_test, y_test = parts("diabetes", stratify=False)
    guess = RandomForestRegressor(23, min_samples_leaf=3, random_state=0).fit(x, y).predict(x_test)
    assert run.result["r2"] == pytest.approx(r2_score(y_test, guess), abs=1e-6)
    assert run.result["steps"] == 23


def test_logistic_comes_to_the_same_end(train, table) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    run = train(table("digits"), algorithm="linear", params={"iterations": 2000})
    x, y, x_test, y_test = parts("digits")
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x, y)
    assert metric(run, "logLoss") == pytest.approx(log_loss(y_test, plain.predict_proba(x_test)), abs=2e-3)
    assert len(run.result["confusion"]) == 10
    assert sum(row["said 3"] for row in run.result["confusion"] if row["actual"] == "3") > 30


def test_regression_beats_its_baseline_and_names_what_matters(train, table) -> None:
    run = train(table("diabetes"), algorithm="linear", folds=4)
    assert run.result["task"] == "regression"
    assert run.result["rmse"] < run.result["rmseOfBaseline"]
    assert {one["column"] for one in run.result["importance"][:4]} >= {"bmi", "s5"}
    assert [fold["fold"] for fold in run.result["folds"]] == [1, 2, 3, 4]
    together = {row["metric"]: row["mean"] for row in run.result["foldsTogether"]}
    assert together["rmse"] == pytest.approx(np.mean([fold["rmse"] for fold in run.result["folds"]]), abs=1e-5)


def test_the_same_seed_gives_the_same_model(train, table) -> None:
    source = table("diabetes")
    options = {"algorithm": "random_forest", "params": {"trees": 10}, "folds": 2}
    first, again, other = (train(source, seed=seed, **options) for seed in (1, 1, 2))
    keep = [{key: value for key, value in run.result.items() if key != "seconds"} for run in (first, again, other)]
    assert keep[0] == keep[1] != keep[2]
    same = [run.artifacts["predictions.csv"].read_bytes() for run in (first, again, other)]
    assert same[0] == same[1] != same[2]


def test_progress_counts_trees_of_all_fits(train, table) -> None:
    run = train(table("wine"), params={"trees": 10}, folds=2)
    done = [one.percentage for one in run.progress]
    assert all(a <= b for a, b in pairwise(done)), "never back"
    assert done[-1] == 100
    said = [one.message or "" for one in run.progress]
    assert any(one.startswith("Fitting the model: 7 of 10, loss 0.") for one in said)
    assert any(one.startswith("Fold 2 of 2: 10 of 10") for one in said)


def test_early_stopping_keeps_fewer_trees(train, table) -> None:
    run = train(table("breast_cancer"), params={"trees": 300, "patience": 5, "learningRate": 0.3})
    assert run.result["steps"] < 150
    assert {"step", "loss", "validation loss"} == set(run.result["curve"][-1])


def test_a_limit_of_time_keeps_what_there_is(train, table) -> None:
    run = train(table("breast_cancer"), params={"trees": 5000, "learningRate": 0.01}, folds=5, timeLimitSeconds=1)
    assert run.result["stoppedByTime"] is True
    assert 0 < run.result["steps"] < 5000
    assert "The time was over after 0 of 5 folds." in run.result["warnings"]
    assert metric(run, "accuracy") > metric(run, "accuracy", "baseline")


def test_clusters_are_found(train, table) -> None:
    run = train(table("iris"), None, exclude=["target"], params={"clusters": 3, "runs": 4})
    _, rows = rows_of("iris")
    found = [int(row["cluster"]) for row in cells(run.artifacts["predictions.csv"])]
    kinds = {row[-1] for row, cluster in zip(rows, found, strict=True) if cluster == found[0]}
    assert kinds == {"setosa"}, "the first kind is a cluster of its own"
    assert sum(row["rows"] for row in run.result["sizes"]) == 150
    assert run.result["dropped"] == [{"column": "target", "reason": "was left out by exclude"}]


def test_the_number_of_clusters_is_found(train) -> None:
    random = np.random.default_rng(0)
    points = np.vstack([random.normal(centre, 0.5, (60, 2)) for centre in ((0, 0), (9, 0), (0, 9), (9, 9))])
    run = train("x,y\n" + "".join(f"{x},{y}\n" for x, y in points), None)
    assert run.result["clusters"] == 4
    assert len(run.result["tried"]) == 7


def test_files_are_whole(train, table) -> None:
    run = train(table("iris"), params={"trees": 5})
    assert json.loads(run.artifacts["schema.json"].read_text())["classes"] == ["setosa", "versicolor", "virginica"]
    predictions = cells(run.artifacts["predictions.csv"])
    right = np.mean([row["actual"] == row["predicted"] for row in predictions])
    assert right == pytest.approx(run.result["accuracy"], abs=1e-6)
    for name, path in run.artifacts.items():
        if name.endswith(".png"):
            assert path.read_bytes().startswith(b"\x89PNG")
        if name.endswith(".svg"):
            assert ET.parse(io.BytesIO(path.read_bytes())).getroot().tag.endswith("svg")
    report = run.artifacts["report.html"].read_text()
    assert report.count("data:image/png;base64,") == 5
    assert "http" not in report.replace("http-equiv", ""), "it needs no network"
    assert run.context.leftovers() == []
