"""Real workers: a training whose work-horse is killed goes on in another one, with the numbers it would have had."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

pytest.importorskip("torch", reason="fine-tuning is not installed: bin/setup finetuning")

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until

from .conftest import SMALL, Tune
from .tiny import pairs, write

STEPS = 40
MODULE = "tests.processors.fine_tuning.slowly"


@pytest.fixture
def options(set_up: None) -> dict[str, Any]:
    return SMALL | {"baseModel": "tiny", "maxSteps": STEPS, "epochs": 20, "checkpointSeconds": 0, "loraDropout": 0.2}


@pytest.fixture
def models(tiny_model: Path) -> str:
    return json.dumps({"tiny": str(tiny_model)})


def create(services: Services, admin: Actor, options: dict[str, Any], source: Path) -> UUID:
    receiver = services.files.receiver()
    receiver.write(source.read_bytes())
    file = services.files.register(admin, receiver, source.name)
    return services.jobs.create(admin, NewJob("fine-tuning", options | {"dataset": str(file.id)}))[0].id


def step_saved(connection: psycopg.Connection[Any], job_id: UUID) -> int:
    row = connection.execute("SELECT checkpoint -> 'file' ->> 0 FROM jobs WHERE id = %s", [job_id]).fetchone()
    return int(row[0].split(".")[1]) if row and row[0] else 0


def rows(services: Services, job: Job) -> list[dict[str, Any]]:
    path = services.files.path(next(one for one in job.artifacts if one.name == "metrics.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def resumed(services: Services, admin: Actor, job_id: UUID) -> list[str]:
    return [line.message for line in services.jobs.log(admin, job_id) if line.message.startswith("Resumed ")]


def losses(found: list[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in found if "loss" in row]


def test_a_killed_training_goes_on_where_it_was(
    services: Services,
    admin: Actor,
    settings: Settings,
    connection: psycopg.Connection[Any],
    tune: Tune,
    models: str,
    options: dict[str, Any],
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "codes.jsonl", pairs(20))
    with Processes(settings, lease_seconds=600.0, processors=MODULE, threads=1) as processes:
        worker = processes.flask("worker", "--queues", "fine-tuning", "--concurrency", "1", JOBSAPP_BASE_MODELS=models)
        job_id = create(services, admin, options, source)
        wait_until(lambda: step_saved(connection, job_id) >= 5, "five steps are saved", 120)
        os.kill(max(descendants(worker.pid)), signal.SIGKILL)
        wait_until(lambda: resumed(services, admin, job_id), "it goes on", 120)
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    (said,) = resumed(services, admin, job_id)
    assert int(said.split()[3]) >= 5
    whole = tune(source, **options)
    wanted = [json.loads(line) for line in whole.artifacts["metrics.jsonl"].read_text().splitlines()]
    assert losses(rows(services, job)) == pytest.approx(losses(wanted), abs=1e-4)
    assert job.result is not None
    assert job.result["validationLoss"] == pytest.approx(whole.result["validationLoss"], abs=1e-3)
    assert job.result["samples"] == whole.result["samples"]
    assert {one.name for one in job.artifacts} == {"adapter.zip", "losses.svg", "metrics.jsonl", "samples.jsonl"}
    assert list((settings.files_dir / "work").iterdir()) == [], "what was kept goes with the job"


def test_a_cancel_ends_a_training_within_seconds(
    services: Services,
    admin: Actor,
    settings: Settings,
    connection: psycopg.Connection[Any],
    models: str,
    options: dict[str, Any],
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "codes.jsonl", pairs(20))
    with Processes(settings, processors=MODULE, threads=1) as processes:
        # So long that nobody ends it: it stops by itself between two steps, however busy the machine is.
        surroundings = {"JOBSAPP_BASE_MODELS": models, "JOBSAPP_CANCEL_GRACE_SECONDS": "600"}
        processes.flask("worker", "--queues", "fine-tuning", "--concurrency", "1", **surroundings)
        job_id = create(services, admin, options | {"maxSteps": None, "epochs": 1000}, source)
        wait_until(lambda: step_saved(connection, job_id) >= 1, "a step is saved", 120)
        services.jobs.cancel(admin, job_id)
        job = wait_for(services, admin, job_id, "cancelled")
    assert [attempt.outcome for attempt in job.history] == ["cancelled"]
    assert list(job.artifacts) == []
    assert list((settings.files_dir / "work").iterdir()) == []
