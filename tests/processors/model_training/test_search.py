"""The search for parameters, what is measured on the way, and what the result warns of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from jobsapp.processors.model_training import ModelTraining
from jobsapp.processors.model_training.params import Boosting, Forest, Linear
from jobsapp.processors.model_training.search import SPACES, drawn
from jobsapp.processors.testing import FakeContext, file_id, run_processor
from tests.processors.model_training.conftest import Train, rows_of, write
from tests.processors.model_training.test_resume import Crash, Crashing


def test_the_best_trial_is_used_and_is_no_worse_than_the_given_parameters(train: Train, table: Any) -> None:
    done = train(table("wine"), searchTrials=5, params={"trees": 3})
    trials = done.result["trials"]
    scores = [one["logLoss"] for one in trials]
    assert len(trials) == 5
    assert scores == sorted(scores)
    first = next(one for one in trials if one["trial"] == 1)
    assert (first["learning_rate"], first["trees"]) == (0.1, 3)
    assert scores[0] < first["logLoss"], "three trees have to learn faster"
    used = {one["name"]: one["value"] for one in done.result["parameters"]}
    assert used["learning_rate"] == trials[0]["learning_rate"]
    assert [value for _, value in done.metrics["logLoss/best so far"]] == list(
        np.minimum.accumulate([value for _, value in done.metrics["logLoss/trial"]])
    )


def test_the_seed_decides_and_what_was_given_stays() -> None:
    start = Boosting(leaves=5)
    assert drawn(start, 1, 0) is start
    found = [drawn(start, trial, 0) for trial in range(2, 40)]
    assert found == [drawn(start, trial, 0) for trial in range(2, 40)]
    assert found[0] != drawn(start, 2, 1)
    assert {one.leaves for one in found} == {5}  # type: ignore[attr-defined]
    assert len({one.learning_rate for one in found}) > 30  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [Boosting(), Forest(), Linear()])
def test_every_draw_is_allowed(start: Any) -> None:
    for trial in range(2, 60):
        type(start).model_validate(drawn(start, trial, trial).model_dump())
    assert SPACES[type(start)].keys() <= type(start).model_fields.keys()


def test_a_search_goes_on_where_it_was(table: Any, tmp_path: Path) -> None:
    source = table("wine")
    data = {"source": str(file_id(source)), "target": "target", "searchTrials": 4, "params": {"trees": "6"}}
    whole = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "whole", threads=1)
    context = Crashing(tmp_path / "crashed", files=[source], threads=1)
    context.at = "Trial 3 of 4: 2"
    with pytest.raises(Crash):
        run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=context)
    after = context.next_attempt()
    done = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=after)
    assert not any((one.message or "").startswith("Trial 2") for one in done.progress)
    assert {**done.result, "seconds": 0} == {**whole.result, "seconds": 0}


def test_the_time_ends_the_search_and_leaves_a_model(table: Any, tmp_path: Path) -> None:
    source = table("digits")
    data = {"source": str(file_id(source)), "target": "target", "searchTrials": 500, "timeLimitSeconds": 4}
    context = FakeContext(tmp_path, files=[source], threads=1)
    done = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path, context=context)
    assert 1 <= len(done.result["trials"]) < 500
    assert done.result["seconds"] < 30, "500 trials take minutes"
    assert "model.skops" in done.artifacts


def test_groups_have_no_search() -> None:
    with pytest.raises(ValidationError, match="searchTrials"):
        ModelTraining.Input.model_validate({"source": "01a20b66-7f67-76d0-a19f-eb2318fb6b65", "searchTrials": 3})


def test_each_iteration_is_measured_for_the_chart(train: Train, table: Any) -> None:
    done = train(table("wine"), params={"trees": 12}, folds=2)
    (line,) = done.metrics.values()
    assert [step for step, _ in line] == list(range(13)), "the folds are not in it"
    assert line[-1][1] < line[0][1]


def test_metrics_are_a_file_too(train: Train, table: Any) -> None:
    done = train(table("wine"), params={"trees": 5})
    assert json.loads(done.artifacts["metrics.json"].read_text())["accuracy"] == done.result["accuracy"]


def test_repeated_rows_are_warned_of(train: Train, tmp_path: Path) -> None:
    header, rows = rows_of("wine")
    plain = train(write(tmp_path / "plain.csv", header, rows), params={"trees": 5})
    twice = train(write(tmp_path / "twice.csv", header, rows + rows[:60]), params={"trees": 5})
    assert not any("more than once" in said for said in plain.result["warnings"])
    assert any(said.startswith("60 rows occur more than once") for said in twice.result["warnings"])
    assert ("warning", next(said for said in twice.result["warnings"] if said.startswith("60"))) in twice.log


def test_a_rare_class_among_several_is_warned_of(train: Train, tmp_path: Path) -> None:
    header, rows = rows_of("wine")
    few = [row for row in rows if row[-1] != "class_2"] + [row for row in rows if row[-1] == "class_2"][:4]
    done = train(write(tmp_path / "few.csv", header, few), params={"trees": 5})
    assert any(said.startswith("Class 'class_2' is rare (3.0%)") for said in done.result["warnings"])
