"""The linear model beside the chosen one."""

from __future__ import annotations

import numpy as np
import pytest

from jobsapp.processors.sdk import Cancelled
from jobsapp.processors.testing import FakeContext
from tests.processors.model_training.test_training import metric, parts


def test_it_is_ridge_on_the_same_rows_and_says_when_it_is_enough(train, table) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    run = train(table("diabetes"), params={"trees": 60})
    x, y, x_test, y_test = parts("diabetes", stratify=False)
    plain = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(x, y)
    assert metric(run, "r2", "linear") == pytest.approx(r2_score(y_test, plain.predict(x_test)), abs=1e-6)
    assert metric(run, "r2", "linear") > metric(run, "r2"), "four hundred people are too few for the boosting"
    assert any(one.startswith("A linear model does as well (r2 0.") for one in run.result["warnings"])
    assert "linear" in run.artifacts["report.html"].read_text()


def test_it_is_behind_where_the_world_is_not_linear(train, tmp_path) -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(600, 2))
    text = "a,b,target\n" + "".join(f"{a},{b},{'in' if a * a + b * b < 1.2 else 'out'}\n" for a, b in rows)
    run = train(text, params={"trees": 30})
    assert metric(run, "accuracy") > 0.9 > metric(run, "accuracy", "linear")
    assert not any("linear" in one for one in run.result["warnings"])


def test_it_learns_from_a_bounded_sample_and_sees_the_test_in_blocks(train, table, monkeypatch) -> None:
    from jobsapp.processors.model_training import beside

    whole = metric(train(table("digits"), params={"trees": 3}), "accuracy", "linear")
    monkeypatch.setattr(beside, "NUMBERS", 64 * 100)
    few = metric(train(table("digits"), params={"trees": 3}), "accuracy", "linear")
    assert 0.6 < few < whole


def test_it_is_left_out_when_asked_or_when_the_time_is_over(train, table, tmp_path) -> None:
    for options in ({"compare": False, "params": {"trees": 3}}, {"algorithm": "linear"}):
        assert all("linear" not in row for row in train(table("iris"), **options).result["metrics"])
    slow = {"params": {"trees": 5000, "learningRate": 0.01}, "timeLimitSeconds": 1}
    assert all("linear" not in row for row in train(table("breast_cancer"), **slow).result["metrics"])


def test_a_cancel_ends_it(train, table, tmp_path) -> None:
    def asked(context: FakeContext) -> bool:
        return bool(context.history) and "linear" in (context.history[-1].message or "")

    source = table("iris")
    with pytest.raises(Cancelled):
        train(source, params={"trees": 3}, context=FakeContext(tmp_path / "c", files=[source], cancel_when=asked))
