"""Cancelled, or killed in the middle: what was finished is not made again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.processors.model_training import ModelTraining, half
from jobsapp.processors.sdk import Cancelled
from jobsapp.processors.testing import FakeContext, file_id, run_processor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until
from tests.processors.model_training.conftest import rows_of, write

FOLDS = 3
OPTIONS: dict[str, Any] = {"target": "target", "folds": FOLDS, "params": {"trees": "12"}}


class Crash(BaseException):
    """The end of a process, as far as a test can have one without losing its own."""


class Crashing(FakeContext):
    """Crashes when the message begins so."""

    at = "never"

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        super().progress(current, total, message)
        if message and message.startswith(self.at):
            raise Crash


def made(run) -> dict[str, Any]:
    return {key: value for key, value in run.result.items() if key != "seconds"}


@pytest.mark.parametrize(("at", "fitted"), [("Fitting the model: 5", []), ("Fold 2 of 3: 6", ["model", 1])])
def test_an_attempt_after_a_crash_makes_only_the_rest(table, tmp_path: Path, at: str, fitted: list) -> None:
    source = table("wine")
    data = OPTIONS | {"source": str(file_id(source))}
    whole = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "whole", threads=1)
    context = Crashing(tmp_path / "crashed", files=[source], threads=1)
    context.at = at
    with pytest.raises(Crash):
        run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=context)
    after = context.next_attempt()
    done = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=after)
    assert made(done) == made(whole)
    said = [one.message or "" for one in done.progress]
    assert any(one.startswith("Fitting the model") for one in said) == ("model" not in fitted)
    assert any(one.startswith("Fold 1 of 3") for one in said) == (1 not in fitted)
    assert any(one.startswith("Fold 3 of 3") for one in said)


@pytest.mark.parametrize(
    ("name", "params"),
    [("wine", {"trees": "12"}), ("diabetes", {"trees": "40", "patience": "5"}), ("digits", {"trees": "4"})],
)
def test_a_boosting_goes_on_with_its_trees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, params: dict[str, str]
) -> None:
    monkeypatch.setattr(half, "SECONDS", 0.0)
    header, rows = rows_of(name)
    # Of the digits a quarter: ten classes are ten trees a round, however many rows there are.
    source = write(tmp_path / f"{name}.csv", header, rows[:450])
    data = {"target": "target", "params": params, "source": str(file_id(source))}
    whole = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "whole", threads=1)
    context = Crashing(tmp_path / "crashed", files=[source], threads=1)
    # Twice, so that what was kept comes from two attempts.
    for at in ("Fitting the model: 2", "Fitting the model: 3"):
        context.at = at
        with pytest.raises(Crash):
            run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=context)
        after = context.next_attempt()
        context = Crashing(
            after.folder, files=[source], threads=1, attempt=after.attempt, last_checkpoint=after.last_checkpoint
        )
    done = run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path / "crashed", context=context)
    assert ("info", "Resumed: the model is not yet fitted, but begun, 0 folds are done.") in done.log
    fitted = [one.message for one in done.progress if (one.message or "").startswith("Fitting the model: ")]
    assert fitted[0].startswith("Fitting the model: 3 of")
    assert made(done) == made(whole)
    assert done.artifacts["predictions.csv"].read_bytes() == whole.artifacts["predictions.csv"].read_bytes()


def test_another_seed_makes_all_of_it_again(table, tmp_path: Path) -> None:
    source = table("wine")
    data = OPTIONS | {"source": str(file_id(source))}
    context = Crashing(tmp_path, files=[source], threads=1)
    context.at = "Fold 2 of 3"
    with pytest.raises(Crash):
        run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path, context=context)
    other = data | {"seed": 5}
    done = run_processor(ModelTraining, other, files=[source], tmp_path=tmp_path, context=context.next_attempt())
    assert any((one.message or "").startswith("Fitting the model: 12") for one in done.progress)


@pytest.mark.parametrize("algorithm", ["hist_gradient_boosting", "random_forest", "linear", "kmeans"])
def test_cancel_between_trees(table, tmp_path: Path, algorithm: str) -> None:
    source = table("digits")
    target = {} if algorithm == "kmeans" else {"target": "target"}
    data = target | {"source": str(file_id(source)), "algorithm": algorithm}
    begun = []

    def asked(context: FakeContext) -> bool:
        last = context.history[-1].message or "" if context.history else ""
        if " of " in last and ": 0 of" not in last:
            begun.append(last)
        return bool(begun)

    context = FakeContext(tmp_path, files=[source], threads=1, cancel_when=asked)
    with pytest.raises(Cancelled):
        run_processor(ModelTraining, data, files=[source], tmp_path=tmp_path, context=context)
    assert len(begun) == 1, "it went on after it was told"
    assert context.artifacts == {}
    assert context.leftovers() == []


def test_a_killed_training_goes_on_with_what_was_finished(
    services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    receiver = services.files.receiver()
    receiver.write(write(tmp_path / "digits.csv", *rows_of("digits")).read_bytes())
    source = services.files.register(admin, receiver, "digits.csv").id
    data = {"source": str(source), "target": "target", "folds": 4, "params": {"trees": 10}}

    def kept(job_id: Any) -> int:
        row = connection.execute(
            "SELECT count(*) FROM jobs, json_object_keys(checkpoint -> 'folds') WHERE id = %s", [job_id]
        ).fetchone()
        return int(row[0]) if row else 0

    with Processes(settings, lease_seconds=600.0) as processes:
        worker = processes.flask("worker", "--queues", "model-training", "--concurrency", "1")
        job_id = services.jobs.create(admin, NewJob("model-training", data))[0].id
        wait_until(lambda: kept(job_id) >= 1, "a fold is finished")
        os.kill(max(descendants(worker.pid)), signal.SIGKILL)
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    (resumed,) = [line for line in services.jobs.log(admin, job_id) if line.message.startswith("Resumed: ")]
    assert resumed.attempt == 2
    assert resumed.message.startswith("Resumed: the model is fitted, ")
    assert job.result is not None
    assert [fold["fold"] for fold in job.result["folds"]] == [1, 2, 3, 4]
    assert {"model.skops", "report.html", "predictions.csv"} <= {one.name for one in job.artifacts}
    assert list((settings.files_dir / "work").iterdir()) == [], "what was kept goes with the job"
