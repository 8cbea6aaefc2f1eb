"""Attempts that take too long, in real processes: interrupted, then killed, and no job beside them suffers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import create, current, wait_for
from tests.processes import Processes, descendants, wait_until

FAST = {"lease_seconds": 2.0, "stop_grace_seconds": 2.0, "cancel_grace_seconds": 2.0}
QUEUES = "hurried,stubborn,echo"


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    with Processes(settings, **FAST) as processes:
        processes.flask("keeper")
        yield processes


def history(job: Job) -> list[tuple[str | None, str | None]]:
    return [(attempt.outcome, attempt.error and attempt.error["type"]) for attempt in job.history]


def alive(litter: Path) -> list[int]:
    return [pid for pid in map(int, litter.read_text().split()) if psutil.pid_exists(pid)]


def horse_of(worker_pid: int) -> int:
    wait_until(lambda: len(descendants(worker_pid)) >= 2, "there is a work-horse")
    return max(psutil.Process(worker_pid).children()[0].children(), key=lambda child: child.create_time()).pid


@pytest.mark.parametrize("how", ["loop", "swallow", "hold"])
def test_it_fails_as_a_timeout_and_is_retried(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path, how: str
) -> None:
    processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    wait_for(services, admin, create(services, admin, "echo"), "completed")
    mark = tmp_path / "mark"
    began = time.monotonic()
    job = wait_for(services, admin, create(services, admin, "hurried", how=how, mark=str(mark)), "failed")
    took = time.monotonic() - began
    echo = create(services, admin, "echo")
    began = time.monotonic()
    wait_for(services, admin, echo, "completed")
    print(f"{how}: two attempts of 0.6 s ended in {took:.2f} s, the next job in {time.monotonic() - began:.2f} s")
    assert history(job) == [("failed", "Timeout")] * 2
    assert job.error is not None
    assert job.error["message"] == "The attempt took longer than 0.6 s."
    first, second = job.history
    assert (second.started_at - first.ended_at).total_seconds() >= 0.2, "it waited as after any failure"
    assert took < 12
    if how == "loop":
        assert mark.read_text() == "cc", "it cleaned up"


@pytest.mark.parametrize("how", ["return", "raise", "loop", "swallow", "hold"])
def test_no_process_of_a_job_outlives_it(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path, how: str
) -> None:
    worker = processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    litter = tmp_path / "litter"
    job_id = services.jobs.create(admin, NewJob("hurried", {"how": how, "litter": str(litter)}, max_attempts=1))[0].id
    job = wait_for(services, admin, job_id, "completed" if how == "return" else "failed")
    if how != "return":
        assert history(job) == [("failed", "ValueError" if how == "raise" else "Timeout")]
    assert len(litter.read_text().split()) == 3
    wait_until(lambda: not alive(litter), "all that it started is gone", 3)
    wait_for(services, admin, create(services, admin, "echo"), "completed")
    assert len(descendants(worker.pid)) == 2


def test_what_a_killed_worker_leaves_is_ended_by_the_pool(
    services: Services, admin: Actor, processes: Processes, tmp_path: Path
) -> None:
    pool = processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
    litter = tmp_path / "litter"
    create(services, admin, "stubborn", how="listen", litter=str(litter))
    wait_until(lambda: litter.exists() and len(litter.read_text().split()) == 3, "its processes run")
    os.kill(psutil.Process(pool.pid).children()[0].pid, signal.SIGKILL)
    wait_until(lambda: not alive(litter), "all that it started is gone", 3)


def test_what_waited_behind_a_held_interpreter_is_not_run_twice(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    """The lease of the whole batch ends meanwhile; another worker runs what waited, the first does not begin it."""
    mark = tmp_path / "mark"
    with Processes(settings, **FAST | {"lease_seconds": 4.0}) as processes:
        processes.flask("worker", "--queues", "echo,stubborn", "--concurrency", "2")
        processes.flask("keeper")
        for _ in range(2):
            wait_for(services, admin, create(services, admin, "echo"), "completed")
        jobs = [NewJob("stubborn", {"mark": str(mark) if number > 50 else ""}, max_attempts=9) for number in range(100)]
        jobs[50] = NewJob("stubborn", {"how": "hold", "seconds": 10})
        ids, _ = services.jobs.create_many(admin, jobs)
        holder = ids[50]
        for job_id in ids:
            wait_for(services, admin, job_id, "completed")
    found = sorted(services.jobs.find(admin, ids), key=lambda job: ids.index(job.id))
    waited = [job for job in found[51:] if job.attempts > 1]
    assert waited, "some waited in the batch of the holder"
    assert {tuple(history(job)) for job in waited} <= {
        (("died", "WorkerDied"), ("completed", None)),
        (("completed", None),),
    }
    assert history(services.jobs.get(admin, holder)) == [("completed", None)], "its worker spoke for it"
    assert len(mark.read_text()) == 49, "what waited behind it ran once"


def test_a_frozen_worker_stops_soon_after_it_goes_on(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    with Processes(settings, **FAST) as processes:
        processes.flask("keeper")
        pool = processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
        job_id = create(services, admin, "stubborn", how="loop", mark=str(mark))
        wait_for(services, admin, job_id, "active")
        horse = horse_of(pool.pid)
        os.kill(horse, signal.SIGSTOP)
        wait_until(lambda: current(services, admin, job_id).status != "active", "the lease is over")
        owner = processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
        wait_for(services, admin, job_id, "active")
        before = current(services, admin, job_id)
        os.kill(horse, signal.SIGCONT)
        began = time.monotonic()
        wait_until(mark.exists, "the frozen one is interrupted", 3)
        print(f"interrupted {time.monotonic() - began:.2f} s after it went on")
        time.sleep(0.5)
        after = current(services, admin, job_id)
        assert (after.status, after.attempts, after.worker) == ("active", 2, before.worker)
        assert [attempt.outcome for attempt in after.history] == ["died", None]
        assert mark.read_text() == "c"
        wait_for(services, admin, _echo_elsewhere(services, admin, processes), "completed")
        assert owner.poll() is None


def _echo_elsewhere(services: Services, admin: Actor, processes: Processes) -> UUID:
    processes.flask("worker", "--queues", "echo", "--concurrency", "1")
    return create(services, admin, "echo")
