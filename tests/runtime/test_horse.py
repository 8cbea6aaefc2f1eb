"""A work-horse on real servers: what becomes of each kind of ending."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import House
from jobsapp.runtime.ledger import Ledger
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

Drain = Callable[[str], int]


def make(services: Services, actor: Actor, type_name: str, data: dict[str, Any], **fields: Any) -> UUID:
    job, _ = services.jobs.create(actor, NewJob(type_name, data, **fields))
    return job.id


def outcomes(job: Job) -> list[str | None]:
    return [attempt.outcome for attempt in job.history]


def test_completes(services: Services, admin: Actor, drain: Drain) -> None:
    job_id = make(services, admin, "echo", {"text": "hi"})
    assert drain("echo") == 1
    job = services.jobs.get(admin, job_id)
    view = services.views.job(job)
    assert (view.status, view.result, view.attempts, view.error) == ("completed", {"text": "hi"}, 1, None)
    assert view.progress.percentage == 100
    assert view.progress.message == "Echoed"
    assert view.completed_at is not None
    assert view.duration_ms is not None
    assert outcomes(job) == ["completed"]
    assert [line.message for line in services.jobs.log(admin, job_id)] == ["echoing hi"]


def test_larger_priority_first_then_order_of_creation(services: Services, admin: Actor, drain: Drain) -> None:
    ids = [make(services, admin, "echo", {}, priority=priority) for priority in (0, 5, 0, -1, 5)]
    assert drain("echo") == 5
    started = sorted(services.jobs.find(admin, ids), key=lambda job: job.started_at or job.created_at)
    assert [job.id for job in started] == [ids[1], ids[4], ids[0], ids[2], ids[3]]


def test_failure_is_retried_until_the_allowance_is_used(services: Services, admin: Actor, drain: Drain) -> None:
    job_id = make(services, admin, "fail", {})
    drain_until(services, admin, drain, job_id, "failed")
    job = services.jobs.get(admin, job_id)
    assert (job.attempts, job.max_attempts) == (3, 3)
    assert outcomes(job) == ["failed"] * 3
    assert "tests/sample_processors.py" in services.views.job(job).error.traceback  # type: ignore[union-attr,operator]
    services.jobs.retry(admin, job_id)
    drain_until(services, admin, drain, job_id, "failed")
    job = services.jobs.get(admin, job_id)
    assert (job.attempts, job.max_attempts) == (6, 6)


def test_a_failed_attempt_with_a_retry_due_is_not_the_end(services: Services, admin: Actor, drain: Drain) -> None:
    job_id = make(services, admin, "keeps", {})
    assert drain("keeps") == 1
    view = services.views.job(services.jobs.get(admin, job_id))
    assert (view.status, view.attempts, view.failed_at) == ("pending", 1, None)
    assert view.error is not None
    assert view.error.message == "again"
    assert view.waiting_for is not None
    assert view.waiting_for.code == "retry"


def test_success_after_a_failure_clears_the_error(services: Services, admin: Actor, drain: Drain) -> None:
    job_id = make(services, admin, "fail", {"untilAttempt": 2})
    drain_until(services, admin, drain, job_id, "completed")
    job = services.jobs.get(admin, job_id)
    assert (job.result, job.error) == ({"attempt": 2}, None)


@pytest.mark.parametrize(("how", "attempts", "kind"), [("permanent", 1, "Permanent"), ("retry", 3, "Retry")])
def test_permanent_and_retry(
    services: Services, admin: Actor, drain: Drain, how: str, attempts: int, kind: str
) -> None:
    job_id = make(services, admin, "fail", {"how": how})
    drain_until(services, admin, drain, job_id, "failed")
    job = services.jobs.get(admin, job_id)
    assert job.attempts == attempts
    assert job.error is not None
    assert job.error["type"] == kind


def test_artifact_appears_with_success_only(services: Services, admin: Actor, drain: Drain) -> None:
    good = make(services, admin, "make-file", {"text": "abc"})
    bad = make(services, admin, "make-file", {"fail": True})
    drain("make-file")
    made = services.views.job(services.jobs.get(admin, good)).artifacts
    assert [(file.name, file.size, file.media_type) for file in made] == [("made.txt", 3, "text/plain")]
    assert made[0].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path = services.files.path(services.files.get(admin, made[0].id))
    assert path.read_text() == "abc"
    assert services.views.job(services.jobs.get(admin, bad)).artifacts == []
    files = [entry for entry in services.settings.files_dir.rglob("*") if entry.is_file()]
    assert files == [path], "a failed run left something behind"


def test_artifact_is_input_of_another_job(services: Services, admin: Actor, drain: Drain) -> None:
    first = make(services, admin, "make-file", {"text": "abc"})
    drain("make-file")
    source = services.views.job(services.jobs.get(admin, first)).artifacts[0].id
    second = make(services, admin, "make-file", {"source": str(source)})
    drain("make-file")
    assert services.jobs.get(admin, second).result == {"characters": 3}


def test_cancel_while_running_stops_between_units(
    app: Flask, services: Services, admin: Actor, drain: Drain, tmp_path: Path
) -> None:
    job_id = make(services, admin, "steps", {"steps": 3, "gate": str(tmp_path / "gate")})

    def cancel() -> None:
        assert services.views.job(services.jobs.cancel(admin, job_id, reason="enough")).stopping

    drain_beside(app, services, admin, drain, job_id, cancel)
    job = services.jobs.get(admin, job_id)
    assert (job.status, job.cancel_reason, job.cancelled_by) == ("cancelled", "enough", admin.user_id)
    assert outcomes(job) == ["cancelled"]


def test_lost_lease_writes_nothing(
    app: Flask,
    services: Services,
    admin: Actor,
    drain: Drain,
    tmp_path: Path,
    connection: psycopg.Connection[Any],
) -> None:
    job_id = make(services, admin, "steps", {"steps": 1, "gate": str(tmp_path / "gate")})

    def give_to_another() -> None:
        connection.execute("UPDATE jobs SET attempts = 2, worker = 'another' WHERE id = %s", [job_id])
        (tmp_path / "gate.0").touch()

    drain_beside(app, services, admin, drain, job_id, give_to_another)
    job = services.jobs.get(admin, job_id)
    assert (job.status, job.worker, job.result) == ("active", "another", None)


def test_stop_hands_the_job_back(app: Flask, services: Services, admin: Actor, house: House, tmp_path: Path) -> None:
    job_id = make(services, admin, "steps", {"steps": 3, "gate": str(tmp_path / "gate")})
    (tmp_path / "gate.0").touch()
    hasty = House(house.settings.model_copy(update={"stop_grace_seconds": 0.05}), house.registry, house.storage)
    with Horse(hasty, "hasty") as horse:
        stop = partial(os.kill, os.getpid(), signal.SIGTERM)
        drain_beside(app, services, admin, horse.drain, job_id, stop, step=1)
    job = services.jobs.get(admin, job_id)
    assert (job.status, job.attempts, job.max_attempts) == ("pending", 1, 4)
    assert outcomes(job) == ["handed-back"]
    for step in (1, 2):
        (tmp_path / f"gate.{step}").touch()
    with Horse(house, "next") as horse:
        horse.drain("steps")
    assert services.jobs.get(admin, job_id).result == {"steps": 3, "resumedAt": 1}


def test_what_a_processor_forked_can_be_terminated(services: Services, house: House) -> None:
    """As multiprocessing does; the handler it inherits is the work-horse's."""
    with Horse(house, "parent"):
        ready, tell = os.pipe()
        if not (pid := os.fork()):
            os.write(tell, b"r")
            time.sleep(10)
            os._exit(0)
        os.read(ready, 1)
        os.kill(pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM


@pytest.mark.parametrize("type_name", ["hurried", "stubborn"])
def test_a_horse_kills_itself_when_its_processor_does_not_stop(
    services: Services, admin: Actor, house: House, type_name: str
) -> None:
    """Here is no worker that could do it. `hurried` has a timeout; the other is cancelled."""
    job_id = make(services, admin, type_name, {"how": "swallow", "seconds": 20})
    db.session.remove()
    if not (pid := os.fork()):
        with Horse(house, "lonely") as horse:
            horse.drain(type_name)
        os._exit(0)
    if type_name == "stubborn":
        while services.jobs.get(admin, job_id).status != "active":
            db.session.rollback()
        services.jobs.cancel(admin, job_id)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_a_processor_that_talks_nonsense_harms_nobody(
    services: Services, admin: Actor, drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    odd = make(services, admin, "odd", {"how": "progress"})
    drain("odd")
    assert services.jobs.get(admin, odd).status == "completed"
    slow = make(services, admin, "steps", {"steps": 2, "seconds": 0.6})
    drain("steps")
    job = services.jobs.get(admin, slow)
    assert (job.status, job.progress_message) == ("completed", "Step 2")
    assert job.revision >= 4, "the heart still beats"


def test_what_is_not_json_is_said_at_once(services: Services, admin: Actor, drain: Drain) -> None:
    checkpoint = make(services, admin, "odd", {"how": "checkpoint"}, max_attempts=1)
    result = make(services, admin, "odd", {"how": "result"})
    drain("odd")
    errors = [services.jobs.get(admin, job_id).error for job_id in (checkpoint, result)]
    assert [error["type"] for error in errors if error] == ["ValueError", "Permanent"]


def test_an_answer_lost_after_the_commit_keeps_the_artifact(
    services: Services, admin: Actor, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Ledger._write
    calls = []

    def lose_the_answer(self: Ledger, *arguments: Any) -> Any:
        calls.append(write(self, *arguments))
        raise psycopg.OperationalError("the connection was lost")

    def first_lost(self: Ledger, *arguments: Any) -> Any:
        return write(self, *arguments) if calls else lose_the_answer(self, *arguments)

    monkeypatch.setattr(Ledger, "_write", first_lost)
    job_id = make(services, admin, "make-file", {"text": "abc"})
    with Horse(house, "unlucky") as horse:
        horse.drain("make-file")
    job = services.jobs.get(admin, job_id)
    assert job.status == "completed"
    assert services.files.path(job.artifacts[0]).read_text() == "abc"


def drain_until(services: Services, actor: Actor, drain: Drain, job_id: UUID, status: str) -> None:
    deadline = time.monotonic() + 10
    while (now := services.jobs.get(actor, job_id)).status != status:
        assert time.monotonic() < deadline, f"still {now.status}"
        drain(now.queue)


def drain_beside(
    app: Flask,
    services: Services,
    actor: Actor,
    drain: Drain,
    job_id: UUID,
    action: Callable[[], object],
    step: int = 0,
) -> None:
    """Drain here, while a thread waits until the job is active and has done `step` steps, then acts."""
    queue = services.jobs.get(actor, job_id).queue

    def watch() -> None:
        deadline = time.monotonic() + 10
        with app.app_context():
            while True:
                job = services.jobs.get(actor, job_id)
                if job.status == "active" and (job.progress_current or 0) >= step:
                    break
                assert time.monotonic() < deadline, f"still {job.status}, {job.progress_current}"
                db.session.remove()
                time.sleep(0.01)
            action()

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        drain(queue)
        watching.result(timeout=10)
    db.session.rollback()
