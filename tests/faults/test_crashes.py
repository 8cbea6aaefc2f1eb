"""Faults that really happen: processes killed, Redis emptied. Nothing is lost, nothing reports twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import UUID

import psutil
import pytest
import redis

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.processes import Processes, descendants, wait_until

FAST = {"lease_seconds": 2.0, "stop_grace_seconds": 2.0, "cancel_grace_seconds": 2.0}


@pytest.fixture
def processes(settings: Settings) -> Processes:
    return Processes(settings, **FAST)


def current(services: Services, actor: Actor, job_id: UUID) -> Job:
    db.session.rollback()
    return services.jobs.get(actor, job_id)


def wait_for(services: Services, actor: Actor, job_id: UUID, status: str, step: int = 0) -> Job:
    def reached() -> bool:
        job = current(services, actor, job_id)
        return job.status == status and (job.progress_current or 0) >= step

    wait_until(reached, f"the job is {status}, step {step}")
    return current(services, actor, job_id)


def create(services: Services, actor: Actor, type_name: str, **data: object) -> UUID:
    return services.jobs.create(actor, NewJob(type_name, data))[0].id


def open_gates(gate: Path, steps: range) -> None:
    for step in steps:
        Path(f"{gate}.{step}").touch()


def test_worker_killed_in_the_middle(services: Services, admin: Actor, processes: Processes, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with processes:
        worker = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        processes.flask("keeper")
        job_id = create(services, admin, "steps", steps=4, gate=str(gate))
        open_gates(gate, range(2))
        wait_for(services, admin, job_id, "active", step=2)
        family = descendants(worker.pid)
        assert len(family) == 2, "an RQ worker and its work-horse"
        processes.end(worker, signal.SIGKILL)
        wait_until(lambda: not any(psutil.pid_exists(pid) for pid in family), "the family of the worker is gone")
        open_gates(gate, range(2, 4))
        processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    assert job.result == {"steps": 4, "resumedAt": 2}


def test_worker_killed_in_the_middle_of_a_conversion(
    services: Services, admin: Actor, processes: Processes, settings: Settings
) -> None:
    rows = 1_200_000
    line = b'{"id":"0007","amount":1.50,"note":"a \\"quoted\\" word, and a comma"}\n'
    receiver = services.files.receiver()
    for _ in range(100):
        receiver.write(line * (rows // 100))
    source = services.files.register(admin, receiver, "orders.jsonl").id
    with processes:
        worker = processes.flask("worker", "--queues", "data-conversion", "--concurrency", "1")
        processes.flask("keeper")
        job_id = create(services, admin, "data-conversion", source=str(source), targetFormat="csv")
        wait_for(services, admin, job_id, "active", step=1)
        processes.end(worker, signal.SIGKILL)
        assert current(services, admin, job_id).status == "active", "it was killed in the middle"
        processes.flask("worker", "--queues", "data-conversion", "--concurrency", "1")
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    assert [file.name for file in job.artifacts] == ["orders.csv"]
    text = services.files.path(job.artifacts[0]).read_text()
    cell = '0007,1.50,"a ""quoted"" word, and a comma"\n'
    assert text == "id,amount,note\n" + cell * rows
    stored = [path.name for path in settings.files_dir.rglob("*") if path.is_file()]
    assert sorted(stored) == sorted([str(source), str(job.artifacts[0].id)]), "half a file was left behind"


def test_work_horse_killed_is_noticed_at_once(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with Processes(settings, lease_seconds=600.0) as processes:
        worker = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        job_id = create(services, admin, "steps", steps=2, gate=str(gate))
        open_gates(gate, range(1))
        wait_for(services, admin, job_id, "active", step=1)
        horse = max(descendants(worker.pid))
        os.kill(horse, signal.SIGKILL)
        open_gates(gate, range(1, 2))
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]


def test_a_dead_work_horse_is_noticed_though_its_child_lives(
    services: Services, admin: Actor, settings: Settings
) -> None:
    with Processes(settings, lease_seconds=600.0) as processes:
        worker = processes.flask("worker", "--queues", "odd", "--concurrency", "1")
        job = wait_for(services, admin, create(services, admin, "odd", how="orphan"), "completed")
        assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
        assert len(descendants(worker.pid)) == 2, "the orphan went with its work-horse"


def test_a_job_that_kills_its_process_fails_after_its_attempts(
    services: Services, admin: Actor, processes: Processes
) -> None:
    with processes:
        processes.flask("worker", "--queues", "fail,echo", "--concurrency", "1")
        poison = create(services, admin, "fail", how="kill")
        healthy = create(services, admin, "echo")
        job = wait_for(services, admin, poison, "failed")
        wait_for(services, admin, healthy, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died"] * 3
    assert job.error is not None
    assert job.error["type"] == "WorkerDied"


def test_sigterm_hands_back_what_does_not_finish(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with processes:
        worker = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        job_id = create(services, admin, "steps", steps=2, gate=str(gate))
        open_gates(gate, range(1))
        wait_for(services, admin, job_id, "active", step=1)
        assert processes.end(worker, signal.SIGTERM) == 0
        job = current(services, admin, job_id)
        assert (job.status, job.attempts, job.max_attempts) == ("pending", 1, 4)
        open_gates(gate, range(1, 2))
        processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        wait_for(services, admin, job_id, "completed")


def test_cancel_stops_a_processor_that_does_not_listen(services: Services, admin: Actor, processes: Processes) -> None:
    with processes:
        processes.flask("worker", "--queues", "steps,echo", "--concurrency", "1")
        job_id = create(services, admin, "steps", steps=1, seconds=600)
        wait_for(services, admin, job_id, "active")
        services.jobs.cancel(admin, job_id)
        wait_for(services, admin, job_id, "cancelled")
        wait_for(services, admin, create(services, admin, "echo"), "completed")


def test_many_jobs_each_run_once(services: Services, admin: Actor, processes: Processes) -> None:
    jobs = [create(services, admin, "echo", text=str(number)) for number in range(200)]
    with processes:
        processes.flask("worker", "--queues", "echo", "--concurrency", "4")
        for job_id in jobs:
            wait_for(services, admin, job_id, "completed")
    found = services.jobs.find(admin, jobs)
    assert {tuple(attempt.outcome for attempt in job.history) for job in found} == {("completed",)}
    assert sorted(int(job.result["text"]) for job in found if job.result) == list(range(200))


def test_one_wake_up_brings_all_workers(services: Services, admin: Actor, processes: Processes, tmp_path: Path) -> None:
    """Without a keeper: who has a job for long, or finds more than one, calls the next."""
    with processes:
        processes.flask("worker", "--queues", "steps", "--concurrency", "3")
        client = redis.Redis.from_url(services.settings.redis_url)
        wait_until(lambda: client.scard("rq:workers") == 3, "the workers are there")
        data = {"steps": 1, "gate": str(tmp_path / "gate")}
        ids, _ = services.jobs.create_many(admin, [NewJob("steps", data)] * 3)

        def active() -> int:
            db.session.rollback()
            return sum(job.status == "active" for job in services.jobs.find(admin, ids))

        wait_until(lambda: active() == 3, "three run at once")
        open_gates(tmp_path / "gate", range(1))
        wait_until(lambda: active() == 0, "they are done")
