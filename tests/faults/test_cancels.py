"""Cancelling against everything that may happen at the same time: each race has one answer."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest

from jobsapp.bus.orders import kill_horse
from jobsapp.bus.slate import Running
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.runtime.duties import stop
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.jobs import ClaimedJob, cancel_job
from jobsapp.store.turns import Ended, claim_jobs, take_turn
from tests.faults.test_crashes import create, current, wait_for
from tests.faults.test_timeouts import FAST, QUEUES, alive, history, horse_of
from tests.processes import Processes, descendants, wait_until

Connection = psycopg.Connection[Any]


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    """Without a keeper: horse and worker do it alone."""
    with Processes(settings, **FAST) as processes:
        yield processes


def claimed(services: Services, actor: Actor, connection: Connection, number: int = 1) -> list[ClaimedJob]:
    for _ in range(number):
        create(services, actor, "echo")
    return claim_jobs(connection, "echo", worker="w", lease_seconds=60, limit=number)


def ended_as(connection: Connection, job: ClaimedJob, transition: Transition) -> str:
    return take_turn(connection, [Ended(job.id, job.attempt, transition)]).finished[0].status


@pytest.mark.parametrize("how", ["swallow", "hold"])
def test_killed_after_the_grace_of_its_type_with_all_it_started(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path, how: str
) -> None:
    worker = processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    litter = tmp_path / "litter"
    job_id = create(services, admin, "stubborn", how=how, litter=str(litter))
    wait_until(lambda: litter.exists() and len(litter.read_text().split()) == 3, "it runs")
    time.sleep(0.3)
    services.jobs.cancel(admin, job_id, reason="first")
    began = time.monotonic()
    services.jobs.cancel(admin, job_id, reason="second")
    job = wait_for(services, admin, job_id, "cancelled")
    took = time.monotonic() - began
    echo = create(services, admin, "echo")
    began = time.monotonic()
    wait_for(services, admin, echo, "completed")
    print(f"{how}: cancelled in {took:.2f} s, the next job in {time.monotonic() - began:.2f} s")
    assert job.cancel_reason == "first"
    assert [attempt.outcome for attempt in job.history] == ["cancelled"]
    assert took > 0.5, "it had its grace"
    wait_until(lambda: not alive(litter), "all that it started is gone")
    assert len(descendants(worker.pid)) == 2


def test_stopped_in_order_its_processes_end_and_the_horse_goes_on(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path
) -> None:
    pool = processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    litter = tmp_path / "litter"
    job_id = create(services, admin, "stubborn", how="listen", litter=str(litter))
    wait_until(lambda: litter.exists() and len(litter.read_text().split()) == 3, "it runs")
    horse = psutil.Process(pool.pid).children()[0].children()[0].pid
    services.jobs.cancel(admin, job_id)
    wait_for(services, admin, job_id, "cancelled")
    assert not alive(litter)
    wait_for(services, admin, create(services, admin, "echo"), "completed")
    assert horse_of(pool.pid) == horse


def test_the_command_through_redis_kills_only_the_job_it_names(
    services: Services, admin: Actor, processes: Processes, settings: Settings, tmp_path: Path
) -> None:
    pool = processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    litter = tmp_path / "litter"
    job_id = create(services, admin, "stubborn", how="listen", litter=str(litter))
    wait_until(lambda: litter.exists() and len(litter.read_text().split()) == 3, "it runs")
    worker, horse = current(services, admin, job_id).worker or "", psutil.Process(pool.pid).children()[0].children()[0]
    kill_horse(settings.redis_url, worker, UUID(int=1))
    time.sleep(0.5)
    assert horse.is_running()
    kill_horse(settings.redis_url, worker, job_id)
    wait_until(lambda: not horse.is_running(), "the horse is killed")
    wait_until(lambda: not alive(litter), "all that it started is gone")


def test_the_keeper_waits_for_the_longest_grace(
    services: Services, admin: Actor, house: House, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = claimed(services, admin, connection)
    services.jobs.cancel(admin, job.id)
    connection.execute("UPDATE jobs SET cancel_requested_at = now() - interval '40 s' WHERE id = %s", [job.id])
    assert stop.tick(connection, house, house.hints()) == [job.id]
    job_type = house.registry.find("hurried")
    assert job_type is not None
    monkeypatch.setattr(job_type.processor, "cancel_grace", 60.0)
    assert stop.tick(connection, house, house.hints()) == []


def test_cancel_against_death(services: Services, admin: Actor, processes: Processes) -> None:
    pool = processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    job_id = create(services, admin, "stubborn", how="swallow")
    wait_for(services, admin, job_id, "active")
    horse = horse_of(pool.pid)
    services.jobs.cancel(admin, job_id)
    os.kill(horse, signal.SIGKILL)
    job = wait_for(services, admin, job_id, "cancelled")
    assert [attempt.outcome for attempt in job.history] == ["cancelled"]


@pytest.mark.parametrize("how", ["loop", "swallow", "hold"])
def test_cancel_against_timeout(services: Services, admin: Actor, processes: Processes, how: str) -> None:
    processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    wait_for(services, admin, create(services, admin, "echo"), "completed")
    job_id = create(services, admin, "hurried", how=how)
    wait_for(services, admin, job_id, "active")
    services.jobs.cancel(admin, job_id)
    job = wait_for(services, admin, job_id, "cancelled")
    assert [attempt.outcome for attempt in job.history] == ["cancelled"]


def test_success_wins_over_a_cancel_that_came_too_late(
    services: Services, admin: Actor, connection: Connection
) -> None:
    made, failed = claimed(services, admin, connection, 2)
    for job in (made, failed):
        services.jobs.cancel(admin, job.id)
    assert ended_as(connection, made, Transition(Status.COMPLETED, "completed", result=1)) == "completed"
    failure = Failure("Timeout", "The attempt took longer than 1 s.")
    assert ended_as(connection, failed, Transition(Status.PENDING, "failed", failure=failure)) == "cancelled"


def test_a_cancel_and_a_finish_at_the_same_moment(
    services: Services, admin: Actor, settings: Settings, connection: Connection
) -> None:
    """Two connections, one row: whoever comes first, the job has one end and its history says the same."""
    jobs = claimed(services, admin, connection, 60)
    results: dict[UUID, bool] = {}

    def cancel() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as other:
            for job in jobs:
                results[job.id] = cancel_job(other, job.id, user_id=None, reason=None) is not None

    canceller = threading.Thread(target=cancel)
    canceller.start()
    for number, job in enumerate(jobs):
        step = Transition(Status.COMPLETED, "completed") if number % 2 else Transition(Status.PENDING, "failed")
        take_turn(connection, [Ended(job.id, job.attempt, step)])
    canceller.join()
    db.session.rollback()
    for number, claim in enumerate(jobs):
        job = services.jobs.get(admin, claim.id)
        assert job.status == ("completed" if number % 2 else "cancelled")
        if number % 2 == 0:
            assert results[job.id], "a cancel that is answered with yes holds"


def test_a_retry_that_is_due_is_cancelled_or_stopped(
    services: Services, admin: Actor, settings: Settings, connection: Connection
) -> None:
    """Claim and cancel on two connections: cancelled at once and never claimed, or claimed and asked to stop."""
    ids = [create(services, admin, "echo") for _ in range(60)]
    taken: list[UUID] = []

    def claim() -> None:
        with psycopg.connect(settings.database_url, autocommit=True) as other:
            while jobs := claim_jobs(other, "echo", worker="w", lease_seconds=60, limit=2):
                taken.extend(job.id for job in jobs)

    claimer = threading.Thread(target=claim)
    claimer.start()
    for job_id in reversed(ids):
        cancel_job(connection, job_id, user_id=None, reason=None)
    claimer.join()
    db.session.rollback()
    for job in services.jobs.find(admin, ids):
        assert job.cancel_requested_at is not None
        assert job.status == ("active" if job.id in taken else "cancelled")


def test_what_waits_behind_a_long_job_is_cancelled_while_that_runs(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    wait_for(services, admin, create(services, admin, "echo"), "completed")
    jobs = [NewJob("stubborn", {}) for _ in range(100)]
    jobs[50] = NewJob("stubborn", {"how": "listen"})
    jobs[51] = NewJob("stubborn", {"mark": str(mark)})
    ids, _ = services.jobs.create_many(admin, jobs)
    wait_for(services, admin, ids[50], "active")
    services.jobs.cancel(admin, ids[51])
    wait_for(services, admin, ids[51], "cancelled")
    assert current(services, admin, ids[50]).status == "active"
    services.jobs.cancel(admin, ids[50])
    wait_for(services, admin, ids[99], "completed")
    assert not mark.exists(), "it ran though a cancel was asked"


def test_a_cancel_behind_a_held_interpreter_is_heard(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    """Nobody could hand it back: it is not begun when the interpreter is free again."""
    with Processes(settings, **FAST | {"lease_seconds": 60.0}) as processes:
        processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
        wait_for(services, admin, create(services, admin, "echo"), "completed")
        behind: list[tuple[Path, UUID]] = []
        while not behind:
            # A batch may end just there; then once more.
            marks = [tmp_path / str(new_id()) for _ in range(100)]
            jobs = [NewJob("stubborn", {"mark": str(mark)}) for mark in marks]
            jobs[50] = NewJob("stubborn", {"how": "hold", "seconds": 4})
            ids, _ = services.jobs.create_many(admin, jobs)
            wait_for(services, admin, ids[50], "active")
            time.sleep(1)
            later = list(zip(marks, ids, strict=True))[51:]
            behind = [(mark, one) for mark, one in later if current(services, admin, one).status == "active"]
            if not behind:
                wait_for(services, admin, ids[99], "completed")
        mark, cancelled = behind[0]
        services.jobs.cancel(admin, cancelled)
        wait_for(services, admin, ids[99], "completed")
        assert current(services, admin, cancelled).status == "cancelled"
        assert not mark.exists(), "it ran though a cancel was asked"


def test_what_was_claimed_with_a_job_that_killed_its_process_is_not_to_blame(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    ran, waited, stopped = claimed(services, admin, connection, 3)
    services.jobs.cancel(admin, stopped.id)
    running = Running(ran.id, ran.attempt, 5.0, time.monotonic() - 1, 1.0, 0.0, 0.0)
    settle_lost_jobs(connection, house, house.hints(), worker="w", running=running)
    db.session.rollback()
    jobs = [services.jobs.get(admin, job.id) for job in (ran, waited, stopped)]
    assert [job.status for job in jobs] == ["pending", "pending", "cancelled"]
    assert history(jobs[0]) == [("failed", "Timeout")]
    assert history(jobs[1]) == []
    assert jobs[1].max_attempts - jobs[1].attempts == 3, "that cost it nothing"
