"""Attempts that take too long, in real processes: interrupted, then killed, and no job beside them suffers."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
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
# Long for a machine that has other work, and short beside the ten minutes that a stubborn job takes.
SOON = 30.0


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
    if how == "loop":
        assert mark.read_text() == "cc", "it cleaned up"


def test_what_the_job_itself_says_counts(services: Services, admin: Actor, processes: Processes) -> None:
    """Shorter and longer than the 0.6 s of the type `hurried`; `stubborn` has none."""
    processes.flask("worker", "--queues", QUEUES, "--concurrency", "3")
    cases = itertools.product(["loop", "swallow", "hold"], [("hurried", 0.2), ("hurried", 1.5), ("stubborn", 0.3)])
    jobs = {}
    for how, (type_name, own) in cases:
        new = NewJob(type_name, {"how": how}, timeout_seconds=own)
        jobs[services.jobs.create(admin, new)[0].id] = (how, own)
    for job_id, (how, own) in jobs.items():
        job = wait_for(services, admin, job_id, "failed")
        assert history(job) == [("failed", "Timeout")] * 2, "it was tried again"
        for attempt in job.history:
            assert attempt.error is not None
            assert attempt.error["message"] == f"The attempt took longer than {own:g} s."
            assert attempt.ended_at is not None
            took = (attempt.ended_at - attempt.started_at).total_seconds()
            # The last two are deaf: they have the grace of half a second, and then are killed.
            assert took >= own + (0 if how == "loop" else 0.4)
    wait_for(services, admin, create(services, admin, "echo"), "completed")


def test_what_ends_within_its_own_longer_time_succeeds(services: Services, admin: Actor, processes: Processes) -> None:
    processes.flask("worker", "--queues", QUEUES, "--concurrency", "1")
    for how in ("swallow", "hold"):
        new = NewJob("hurried", {"how": how, "seconds": 2.0}, timeout_seconds=60.0)
        job = wait_for(services, admin, services.jobs.create(admin, new)[0].id, "completed")
        assert history(job) == [("completed", None)]


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
    wait_until(lambda: not alive(litter), "all that it started is gone", SOON)
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
    wait_until(lambda: not alive(litter), "all that it started is gone", SOON)


def test_nothing_of_a_batch_runs_twice_because_one_holds_the_interpreter(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    """For longer than the lease. Its worker renews that, which is one for the whole batch: for what was done before
    the holder and is not written yet, and for what waits behind it. Another worker and a keeper stand by.
    """
    mark = tmp_path / "mark"
    with Processes(settings, **FAST) as processes:
        processes.flask("keeper")
        processes.flask("worker", "--queues", "echo,stubborn", "--concurrency", "1")
        wait_for(services, admin, create(services, admin, "echo"), "completed")
        # Whether batches are of 4 jobs or of 64: the 50th is neither the first nor the last of its batch.
        jobs = [NewJob("stubborn", {"mark": str(mark)}, max_attempts=9) for _ in range(100)]
        jobs[49] = NewJob("stubborn", {"how": "hold", "seconds": 8})
        ids, _ = services.jobs.create_many(admin, jobs)
        wait_until(lambda: runs(services, admin, ids[49]), "the holder runs")
        processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
        active = {job.id for job in services.jobs.find(admin, ids) if job.status == "active"}
        assert active & set(ids[:49]), "some were done before it in its batch"
        assert active & set(ids[50:]), "some wait behind it in its batch"
        for job_id in ids:
            wait_for(services, admin, job_id, "completed")
    found = {job.id: job for job in services.jobs.find(admin, ids)}
    assert all(history(job) == [("completed", None)] for job in found.values())
    assert {found[job_id].attempts for job_id in ids[:50]} == {1}
    assert len(mark.read_text()) == 99, "each of the others ran once"


def runs(services: Services, actor: Actor, job_id: UUID) -> bool:
    """Is it active, and has been for a while?"""
    job = current(services, actor, job_id)
    if job.status != "active" or job.started_at is None:
        return False
    return (datetime.now(UTC) - job.started_at).total_seconds() > 1.0


def test_a_frozen_worker_stops_soon_after_it_goes_on(
    services: Services, admin: Actor, settings: Settings, tmp_path: Path
) -> None:
    mark, begun = tmp_path / "mark", tmp_path / "begun"
    with Processes(settings, **FAST) as processes:
        processes.flask("keeper")
        pool = processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
        job_id = create(services, admin, "stubborn", how="loop", mark=str(mark), begun=str(begun))
        # Active is what was claimed. One that is frozen before its code runs has nothing to clean up.
        wait_until(begun.exists, "its loop runs")
        horse = horse_of(pool.pid)
        os.kill(horse, signal.SIGSTOP)
        wait_until(lambda: current(services, admin, job_id).status != "active", "the lease is over")
        owner = processes.flask("worker", "--queues", "stubborn", "--concurrency", "1")
        wait_for(services, admin, job_id, "active")
        before = current(services, admin, job_id)
        os.kill(horse, signal.SIGCONT)
        began = time.monotonic()
        wait_until(mark.exists, "the frozen one is interrupted", SOON)
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
