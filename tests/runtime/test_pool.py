"""`flask worker` as real processes: what it tells of its workers, and stopping one of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest
import redis

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.workers import WorkerView
from tests.processes import Processes, wait_until


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    with Processes(settings, stop_grace_seconds=1.0) as processes:
        yield processes


class Watch:
    """Asks for the workers until they are as expected."""

    def __init__(self, services: Services, actor: Actor) -> None:
        self.services = services
        self.actor = actor

    @property
    def workers(self) -> list[WorkerView]:
        return self.services.workers.all(self.actor).workers

    @property
    def states(self) -> list[str]:
        return sorted(view.state for view in self.workers)

    def wait(self, *states: str) -> list[WorkerView]:
        found: list[WorkerView] = []

        def as_expected() -> bool:
            found[:] = self.workers
            return sorted(view.state for view in found) == sorted(states)

        wait_until(as_expected, f"the workers are {states}")
        return found

    def create(self, gate: Path, **fields: int) -> UUID:
        job, _ = self.services.jobs.create(self.actor, NewJob("steps", {"steps": 1, "gate": str(gate)}, **fields))
        return job.id

    def status(self, job_id: UUID) -> str:
        db.session.rollback()
        return self.services.jobs.get(self.actor, job_id).status


@pytest.fixture
def watch(services: Services, admin: Actor) -> Watch:
    return Watch(services, admin)


def test_each_worker_is_told_of_with_its_memory(
    processes: Processes, watch: Watch, services: Services, admin: Actor, tmp_path: Path
) -> None:
    pool = processes.flask("worker", "--queues", "steps,fail", "--concurrency", "2")
    first, _ = watch.wait("idle", "idle")
    assert first.queues == ["steps", "fail"]
    assert first.pid in {child.pid for child in psutil.Process(pool.pid).children()}
    wait_until(lambda: all(view.work_horse_memory_bytes for view in watch.workers), "their work-horses are measured")
    for view in watch.workers:
        assert 10_000_000 < (view.memory_bytes or 0) < 1_000_000_000
        assert 10_000_000 < (view.work_horse_memory_bytes or 0) < 1_000_000_000
    bad, _ = services.jobs.create(admin, NewJob("fail", {"how": "permanent"}))
    wait_until(lambda: watch.status(bad.id) == "failed", "the one that fails has failed")
    job_id = watch.create(tmp_path / "gate")
    busy = next(view for view in watch.wait("busy", "idle") if view.jobs)
    assert [job.id for job in busy.jobs] == [job_id]
    (tmp_path / "gate.0").touch()
    wait_until(
        lambda: (
            sorted((sum(v.jobs_done or 0 for v in watch.workers), sum(v.jobs_failed or 0 for v in watch.workers)))
            == [1, 1]
        ),
        "both attempts are counted",
    )
    processes.end(pool)
    assert watch.workers == []


def test_a_stopped_worker_hands_its_job_back_and_nobody_takes_its_place(
    processes: Processes, watch: Watch, services: Services, admin: Actor, tmp_path: Path
) -> None:
    pool = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
    watch.wait("idle")
    job_id = watch.create(tmp_path / "gate")
    (worker,) = watch.wait("busy")
    assert services.workers.stop(admin, worker.name).state == "stopping"
    (stopped,) = watch.wait("stopped")
    assert (stopped.name, stopped.pid) == (worker.name, None)
    wait_until(lambda: watch.status(job_id) == "pending", "the job is handed back")
    assert [attempt.outcome for attempt in services.jobs.get(admin, job_id).history] == ["handed-back"]
    assert psutil.Process(pool.pid).children() == [], "and stays so"

    assert services.workers.start(admin, worker.name).state == "starting"
    (tmp_path / "gate.0").touch()
    (fresh,) = watch.wait("idle")
    assert fresh.name != worker.name
    assert fresh.pid
    Hints(redis_connection.hints(processes.settings.redis_url)).wake("steps")
    wait_until(lambda: watch.status(job_id) == "completed", "it runs the job")


def test_a_stopped_worker_may_finish_within_the_grace(
    settings: Settings, watch: Watch, services: Services, admin: Actor, tmp_path: Path
) -> None:
    with Processes(settings, stop_grace_seconds=60.0) as processes:
        pool = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
        watch.wait("idle")
        job_id = watch.create(tmp_path / "gate")
        (worker,) = watch.wait("busy")
        services.workers.stop(admin, worker.name)
        assert [job.id for job in watch.wait("stopping")[0].jobs] == [job_id]
        asked = time.monotonic()
        # A deploy meanwhile is no second wish: it may still finish. (Within a second RQ takes none.)
        wait_until(lambda: time.monotonic() > asked + 1.2, "RQ would take a second signal")
        pool.send_signal(signal.SIGTERM)
        wait_until(lambda: watch.status(job_id) == "active" and watch.states == ["stopping"], "the pool stops")
        (tmp_path / "gate.0").touch()
        assert pool.wait(30) == 0
        assert watch.status(job_id) == "completed"
        assert watch.workers == []


def test_a_worker_that_dies_is_followed_by_another_and_a_dead_host_falls_silent(
    processes: Processes, watch: Watch
) -> None:
    pool = processes.flask("worker", "--queues", "steps", "--concurrency", "1")
    (first,) = watch.wait("idle")
    psutil.Process(first.pid).kill()
    wait_until(lambda: [view.name for view in watch.workers] not in ([], [first.name]), "another is there")
    assert watch.states == ["idle"]
    processes.end(pool, signal.SIGKILL)
    watch.wait("silent")


def test_after_redis_was_emptied_the_workers_are_told_of_again(
    processes: Processes, watch: Watch, settings: Settings
) -> None:
    processes.flask("worker", "--queues", "steps", "--concurrency", "1")
    (worker,) = watch.wait("idle")
    redis.Redis.from_url(settings.redis_url).flushall()
    assert watch.workers == []
    assert [view.name for view in watch.wait("idle")] == [worker.name]
