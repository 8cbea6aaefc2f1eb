"""A stored model applied to other tables, and files that are no such model."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jobsapp.processors.model_training import ModelTraining
from jobsapp.processors.sdk import Permanent
from tests.processors.model_training.conftest import cells, predict, rows_of, write

QUICK = {"trees": 8}


@pytest.fixture
def model(train, table) -> Path:
    return train(table("iris"), params=QUICK).artifacts["model.skops"]


def test_a_new_table_in_another_order(model: Path, tmp_path: Path) -> None:
    header, rows = rows_of("iris")
    order = [3, 0, 2, 1]
    source = write(
        tmp_path / "new.csv", [header[n] for n in order] + ["extra"], [[r[n] for n in order] + [1] for r in rows]
    )
    run = predict(model, source, tmp_path / "p")
    found = [row["predicted target"] for row in cells(run.artifacts["predictions.csv"])]
    right = np.mean([a == row[-1] for a, row in zip(found, rows, strict=True)])
    assert right > 0.93
    assert run.result["unusedColumns"] == ["extra"]
    assert {row["value"] for row in run.result["predicted"]} == {"setosa", "versicolor", "virginica"}
    shares = [
        sum(float(v) for k, v in row.items() if k.startswith("share"))
        for row in cells(run.artifacts["predictions.csv"])
    ]
    assert shares == pytest.approx([1.0] * 150, abs=1e-5)


def test_a_category_never_seen_counts_as_other(train, tmp_path: Path) -> None:
    rows = "".join(f"{'red' if n % 2 else 'blue'},{n % 7},{100 * (n % 2) + n % 7}\n" for n in range(60))
    made = train("colour,n,target\n" + rows, algorithm="linear").artifacts["model.skops"]
    source = write(tmp_path / "new.csv", ["colour", "n"], [["green", 3], ["red", 3], ["", ""]])
    run = predict(made, source, tmp_path / "p")
    assert run.result["newValues"] == [{"column": "colour", "rows": 1}]
    assert run.result["rows"] == 3
    red = float(cells(run.artifacts["predictions.csv"])[1]["predicted target"])
    assert red == pytest.approx(103, abs=8)


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        (["a", "sepal lenght (cm)"], [[1, 2]], "The table lacks 'sepal length (cm)', "),
        (None, [["5.1", "x", "1", "2"]], "Row 1: 'x' in 'sepal width (cm)' is no number."),
        (None, [], "has no rows"),
    ],
)
def test_a_table_that_does_not_fit(model: Path, tmp_path: Path, header, rows, sentence: str) -> None:
    source = write(tmp_path / "new.csv", header or rows_of("iris")[0][:4], rows)
    with pytest.raises(Permanent) as error:
        predict(model, source, tmp_path / "p")
    assert sentence in str(error.value)


def rebuilt(model: Path, target: Path, change) -> Path:
    """The same model with some members of its ZIP changed."""
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def harmful(path: Path) -> Path:
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    from jobsapp.processors.model_training import saved

    schema = saved.schema_of("regression", "y", [], [])
    skops.io.dump(Pipeline([("prepare", "passthrough"), ("model", FunctionTransformer(print))]), path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(saved.SCHEMA, json.dumps(schema))
    return path


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "new.csv", ["x"], [[1]])
    with pytest.raises(Permanent, match=r"it holds builtins.print|does not predict"):
        predict(harmful(tmp_path / "bad.skops"), source, tmp_path / "p")


def test_a_tree_that_leads_out_of_itself_is_refused(train, table, tmp_path: Path) -> None:
    from jobsapp.processors.model_training import saved

    for name, options in (("iris", {"params": QUICK}), ("wine", {"algorithm": "random_forest", "params": QUICK})):
        path = train(table(name), **options).artifacts["model.skops"]
        pipe = saved.load(path, "m").pipe
        nodes = pipe["model"]._predictors[0][0].nodes if name == "iris" else pipe["model"].estimators_[0].tree_
        if name == "iris":
            nodes["left"][0] = len(nodes) + 5
        else:
            nodes.children_left[0] = nodes.node_count + 5
        bad = tmp_path / f"{name}.skops"
        saved.save(pipe, json.loads(zipfile.ZipFile(path).read(saved.SCHEMA)), bad)
        with pytest.raises(Permanent, match="a tree leads out of itself"):
            predict(bad, table(name), tmp_path / "p")


def test_other_files_are_refused(model: Path, table, tmp_path: Path) -> None:
    from jobsapp.processors.model_training import saved

    def older(name: str, content: bytes) -> bytes:
        return content.replace(b'"scikit-learn": "1.9', b'"scikit-learn": "1.2') if name == saved.SCHEMA else content

    not_zip = tmp_path / "not.skops"
    not_zip.write_bytes(b"pickle?")
    bomb = tmp_path / "bomb.skops"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(saved.SCHEMA, bytes(40 << 20))
    for bad, sentence in (
        (bomb, "to 40 MiB, as a decompression bomb does"),
        (not_zip, "not.skops is not a model that was trained here"),
        (rebuilt(model, tmp_path / "old.skops", older), "trained with scikit-learn 1.2"),
        (rebuilt(model, tmp_path / "cut.skops", lambda name, data: data[: len(data) // 2]), "or it is damaged"),
    ):
        with pytest.raises(Permanent, match=sentence):
            predict(bad, table("iris"), tmp_path / "p")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"mode": "predict"}, "model: give the model.skops"),
        ({"task": "regression"}, "target: name the column"),
        ({"target": "y", "algorithm": "kmeans"}, "algorithm: k-means is for clustering"),
        ({"target": "y", "params": {"tree": 3}}, "has no 'tree'; it has trees, learningRate"),
        ({"target": "y", "params": {"trees": 0}}, "params: trees: Input should be greater than or equal to 1"),
        ({"target": "y", "encoding": "nope"}, "is not an encoding"),
    ],
)
def test_the_input_is_checked_before_the_job(data: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        ModelTraining.Input.model_validate({"source": "0" * 32, **data})
