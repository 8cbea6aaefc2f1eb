"""Jobs claimed together: short ones run many at a time, a long one holds nothing back, urgent ones overtake."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from jobsapp.bus.messages import read_news
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.runtime.batch import CEILING, Batch, Pace
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import House
from jobsapp.runtime.ledger import Ledger
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.turns import Ended, claim_jobs, take_turn

Drain = Callable[[str], int]
Connection = psycopg.Connection[Any]
JOB = ClaimedJob(UUID(int=1), UUID(int=2), None, "echo", "echo", {}, None, 1, 3, 3, 1)


def make(services: Services, actor: Actor, count: int, type_name: str = "echo", **fields: Any) -> list[UUID]:
    data = fields.pop("data", {})
    return [services.jobs.create(actor, NewJob(type_name, data, **fields))[0].id for _ in range(count)]


def states(connection: Connection, ids: list[UUID]) -> dict[str, int]:
    rows = connection.execute("SELECT status, count(*) FROM jobs WHERE id = ANY(%s) GROUP BY 1", [ids]).fetchall()
    return dict(rows)


@contextmanager
def draining(house: House, queue: str) -> Iterator[None]:
    """Test code runs beside a work-horse, which needs the main thread for its signals: so that is another process."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            with Horse(house, "horse") as horse:
                horse.drain(queue)
            status = 0
        finally:
            os._exit(status)
    try:
        yield
        assert os.waitpid(pid, 0)[1] == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_pace_doubles_while_jobs_take_milliseconds() -> None:
    pace = Pace()
    sizes = []
    for _ in range(10):
        sizes.append(pace.size)
        pace.took(pace.size, pace.size * 0.0001)
    assert sizes[:4] == [1, 2, 4, 8]
    assert pace.size == CEILING
    pace.took(CEILING, CEILING * 0.01)
    assert pace.size == 8
    pace.took(1, 5.0)
    assert pace.size == 1
    pace.took(1, 0.09)
    assert pace.size == 1


def test_each_runs_once_in_order_and_every_event_follows(
    services: Services, admin: Actor, drain: Drain, settings: Settings
) -> None:
    ids = make(services, admin, 200)
    db.session.remove()
    with redis.Redis.from_url(settings.redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe("jobsapp:events")
        pubsub.get_message(timeout=1)
        assert drain("echo") == 200
        heard = []
        while message := pubsub.get_message(timeout=0.5):
            heard += read_news(message["data"])
    jobs = services.jobs.find(admin, ids)
    assert {(job.status, job.attempts, job.max_attempts) for job in jobs} == {("completed", 1, 3)}
    assert [job.id for job in sorted(jobs, key=lambda job: job.started_at or job.created_at)] == ids
    assert all([attempt.outcome for attempt in job.history] == ["completed"] for job in jobs)
    assert {change.job_id for change in heard if change.event == "job-completed"} == set(ids)
    assert {change.job_id for change in heard if change.event == "job-update"} == set(ids)


def test_a_long_job_hands_back_what_was_claimed_with_it(
    services: Services, admin: Actor, house: House, connection: Connection, tmp_path: Path
) -> None:
    quick = make(services, admin, 60, "steps", data={"steps": 1})
    (long,) = make(services, admin, 1, "steps", data={"steps": 1, "gate": str(tmp_path / "gate")})
    behind = make(services, admin, 60, "steps", data={"steps": 1})
    (urgent,) = make(services, admin, 1, "steps", data={"steps": 1}, priority=5, run_at=None)
    connection.execute("UPDATE job_queue SET due = false WHERE job_id = %s", [urgent])
    db.session.remove()
    with draining(house, "steps"):
        until(lambda: states(connection, quick) == {"completed": 60} and states(connection, [long]) == {"active": 1})
        until(lambda: states(connection, behind) == {"pending": 60})
        connection.execute("UPDATE job_queue SET due = true WHERE job_id = %s", [urgent])
        (tmp_path / "gate.0").touch()
    jobs = {job.id: job for job in services.jobs.find(admin, [*quick, long, *behind, urgent])}
    assert {job.status for job in jobs.values()} == {"completed"}
    assert max(job.attempts for job in jobs.values()) == 2, "some were claimed with the long one"
    for job in jobs.values():
        assert [attempt.outcome for attempt in job.history] == ["completed"]
        assert job.max_attempts - job.attempts == 2, "being handed back counts for nothing"
    started = sorted(jobs, key=lambda job_id: jobs[job_id].started_at or jobs[job_id].created_at)
    assert set(started[:61]) == {*quick, long}
    assert started[61:] == [urgent, *behind]


def test_what_is_done_is_not_held_back_by_a_long_job(
    services: Services, admin: Actor, house: House, connection: Connection, tmp_path: Path
) -> None:
    quick = make(services, admin, 20, "steps", data={"steps": 1})
    (long,) = make(services, admin, 1, "steps", data={"steps": 1, "gate": str(tmp_path / "gate")})
    db.session.remove()
    with draining(house, "steps"):
        until(lambda: states(connection, quick) == {"completed": 20})
        assert states(connection, [long]) == {"active": 1}
        (tmp_path / "gate.0").touch()


def test_a_stop_hands_back_what_has_not_started(
    services: Services, admin: Actor, house: House, connection: Connection, tmp_path: Path
) -> None:
    quick = make(services, admin, 40)
    hasty = House(house.settings.model_copy(update={"stop_grace_seconds": 0.05}), house.registry, house.storage)
    db.session.remove()
    with Horse(hasty, "hasty") as horse:
        claimed = claim_jobs(horse._ledger.connection, "echo", worker="hasty", lease_seconds=30, limit=10)
        horse._batch.fill(claimed, asked_at=time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)
        assert horse._run_batch() == 1
        horse._ledger.write(horse._batch.take_ended(), "echo", 0)
    assert states(connection, quick) == {"completed": 1, "pending": 39}
    assert {job.max_attempts - job.attempts for job in services.jobs.find(admin, quick)} == {2, 3}


@pytest.mark.parametrize("taken", [False, True])
def test_what_waited_longer_than_its_lease_is_not_begun(
    services: Services, admin: Actor, house: House, connection: Connection, tmp_path: Path, taken: bool
) -> None:
    """A library holds the interpreter for so long, and the pulse comes too late to hand back what waits."""
    mark = tmp_path / "mark"
    (holder,) = make(services, admin, 1, "stubborn", data={"how": "hold", "seconds": 4})
    behind = make(services, admin, 5, "stubborn", data={"mark": str(mark)})
    brief = House(house.settings.model_copy(update={"lease_seconds": 2.0}), house.registry, house.storage)
    db.session.remove()
    with Horse(brief, "brief") as horse:
        horse._heart.stop()
        asked_at = time.monotonic()
        horse._batch.fill(horse._ledger.claim("stubborn", 10), asked_at=asked_at)
        assert horse._run_batch() == 1
        if taken:
            connection.execute("UPDATE jobs SET attempts = 2, worker = 'another' WHERE id = ANY(%s)", [behind])
        horse._ledger.write(horse._batch.take_ended(), "stubborn", 0)
    assert not mark.exists()
    assert states(connection, [holder]) == {"completed": 1}
    assert states(connection, behind) == {"active" if taken else "pending": 5}
    assert {job.max_attempts - job.attempts for job in services.jobs.find(admin, behind)} == {0 if taken else 2}


def test_a_slow_claim_is_begun_while_its_lease_is_young() -> None:
    batch, job = Batch(lease_seconds=10.0), JOB
    batch.fill([job], asked_at=time.monotonic() - 4.0)
    assert batch.next() == job
    batch.fill([job], asked_at=time.monotonic() - 6.0)
    assert batch.next() is None
    assert [ended.transition.outcome for ended in batch.take_ended()] == ["handed-back"]
    assert batch.take_waiting() == []


def test_an_outcome_that_cannot_be_kept_harms_no_other(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    ids = make(services, admin, 3)
    db.session.remove()
    ledger = Ledger(house, house.hints(), "w")
    results = [{"fine": 1}, float("nan"), {"fine": 3}]
    ended = [
        Ended(job.id, job.attempt, Transition(Status.COMPLETED, "completed", result=result))
        for job, result in zip(ledger.claim("echo", 3), results, strict=True)
    ]
    ledger.write(ended, "echo", 0)
    ledger.close()
    jobs = sorted(services.jobs.find(admin, ids), key=lambda job: job.id)
    assert [(job.status, job.result) for job in jobs] == [
        ("completed", {"fine": 1}),
        ("failed", None),
        ("completed", {"fine": 3}),
    ]
    assert jobs[1].error is not None
    assert "cannot keep" in jobs[1].error["message"]


def test_four_workers_claim_in_the_exact_order_of_priority(
    services: Services, admin: Actor, settings: Settings
) -> None:
    ids = [make(services, admin, 1, priority=n % 5)[0] for n in range(80)]
    expected = sorted(ids, key=lambda job_id: (-(ids.index(job_id) % 5), ids.index(job_id)))
    db.session.remove()

    def work(name: str) -> list[UUID]:
        mine = []
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            while claimed := take_turn(connection, [], queue="echo", worker=name, lease_seconds=30, limit=1).claimed:
                mine.append(claimed[0].id)
        return mine

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(work, "abcd"))
    for share in shares:
        assert share == sorted(share, key=expected.index), "each worker's own claims fall in priority"
    assert sorted(job_id for share in shares for job_id in share) == sorted(ids), "none twice, none left"


@pytest.mark.parametrize("limit", [1, 7])
def test_future_jobs_of_higher_priority_are_hopped_over(
    services: Services, admin: Actor, connection: Connection, limit: int
) -> None:
    later = make(services, admin, 5, priority=9)
    soon = make(services, admin, 5, priority=3)
    due = make(services, admin, 10)
    postpone = "UPDATE job_queue SET due = false, run_at = now() + interval '1 hour' WHERE job_id = ANY(%s)"
    connection.execute(postpone, [later + soon[:2]])
    claimed = claim_jobs(connection, "echo", worker="w", lease_seconds=30, limit=limit)
    assert [job.id for job in claimed] == (soon[2:] + due)[:limit]
