"""Attempts that should have ended long ago, and nobody ended them: what the keeper does about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.runtime.duties import stop
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.connect import connect
from jobsapp.store.jobs import ClaimedJob, pulse_job
from jobsapp.store.statements import statement
from jobsapp.store.turns import NOTHING, Ended, claim_jobs, take_turn

Connection = psycopg.Connection[Any]
Claim = Callable[..., list[ClaimedJob]]
TOLD, TAKEN = 37, 42


@pytest.fixture
def claim(services: Services, admin: Actor, connection: Connection) -> Claim:
    """Jobs that a worker has had for `age` seconds. Those of the type `hurried` may take 0.6 s."""

    def claim(
        type_name: str, age: float = 0, *, number: int = 1, worker: str = "w", lease: float = 60, **fields: Any
    ) -> list[ClaimedJob]:
        services.jobs.create_many(admin, [NewJob(type_name, {}, **fields)] * number)
        jobs = claim_jobs(connection, type_name, worker=worker, lease_seconds=lease, limit=128)
        assert len(jobs) == number
        query = "UPDATE jobs SET started_at = now() - make_interval(secs => %s) WHERE id = ANY(%s)"
        connection.execute(query, [age, [job.id for job in jobs]])
        return jobs

    return claim


def now(services: Services, actor: Actor, job_id: UUID) -> tuple[Job, list[tuple[str | None, str | None]]]:
    db.session.rollback()
    job = services.jobs.get(actor, job_id)
    return job, [(one.outcome, one.error and one.error["type"]) for one in job.history]


def test_the_timeout_of_the_job_counts_before_that_of_its_type(
    house: House, connection: Connection, claim: Claim
) -> None:
    def told(type_name: str, age: float, **fields: Any) -> bool:
        (job,) = claim(type_name, age, worker=f"{type_name}-{age}-{fields}", **fields)
        return job.id in stop.tick(connection, house, house.hints())

    assert told("hurried", TOLD)
    assert not told("hurried", TOLD, timeout_seconds=20)
    assert told("hurried", TOLD + 20, timeout_seconds=20)
    assert told("stubborn", TOLD, timeout_seconds=0.1)
    assert not told("stubborn", 1_000_000)
    assert not told("hurried", 30), "its work-horse and its worker come first"


def test_first_its_worker_is_told_then_the_job_is_taken_from_it(
    services: Services, admin: Actor, house: House, connection: Connection, claim: Claim
) -> None:
    (job,) = claim("hurried", TOLD)
    assert stop.tick(connection, house, house.hints()) == [job.id]
    assert now(services, admin, job.id)[0].status == "active"
    connection.execute("UPDATE jobs SET started_at = now() - make_interval(secs => %s)", [TAKEN])
    left = house.storage.make_workdir(f"{job.id}.{job.attempt}")
    assert stop.tick(connection, house, house.hints()) == [job.id]
    assert not left.exists()
    found, history = now(services, admin, job.id)
    assert (found.status, found.error and found.error["message"]) == ("pending", "The attempt took longer than 0.6 s.")
    assert history == [("failed", "Timeout")]
    assert found.run_at > found.history[0].ended_at, "it waits as after any failure"
    assert stop.tick(connection, house, house.hints()) == []
    assert pulse_job(connection, job.id, job.attempt, NOTHING, lease_seconds=60) is None, "its owner hears of it"
    late = Ended(job.id, job.attempt, Transition(Status.COMPLETED, "completed"))
    assert take_turn(connection, [late]).finished == []


def test_the_last_attempt_fails(
    services: Services, admin: Actor, house: House, connection: Connection, claim: Claim
) -> None:
    (job,) = claim("stubborn", TAKEN + 3, timeout_seconds=3, max_attempts=1)
    stop.tick(connection, house, house.hints())
    found, history = now(services, admin, job.id)
    assert (found.status, history) == ("failed", [("failed", "Timeout")])
    assert found.error is not None
    assert found.error["message"] == "The attempt took longer than 3 s."


@pytest.mark.parametrize("type_name", ["echo", "hurried"])
def test_a_job_that_was_asked_to_stop_is_cancelled(
    services: Services, admin: Actor, house: House, connection: Connection, claim: Claim, type_name: str
) -> None:
    (job,) = claim(type_name, TAKEN)
    services.jobs.cancel(admin, job.id, reason="enough")
    query = "UPDATE jobs SET cancel_requested_at = now() - make_interval(secs => %s)"
    connection.execute(query, [TAKEN])
    stop.tick(connection, house, house.hints())
    found, history = now(services, admin, job.id)
    assert (found.status, found.cancel_reason) == ("cancelled", "enough")
    assert [outcome for outcome, _ in history] == ["cancelled"]


def test_of_several_nobody_knows_which_one_runs(
    services: Services, admin: Actor, house: House, connection: Connection, claim: Claim
) -> None:
    """A library holds the interpreter, and the others wait: they have not begun, so they cannot have taken too long."""
    jobs = claim("hurried", TAKEN, number=3)
    assert set(stop.tick(connection, house, house.hints())) == {job.id for job in jobs}
    assert {now(services, admin, job.id)[0].status for job in jobs} == {"active"}
    connection.execute("UPDATE worker_leases SET lease_until = now() - interval '1 s'")
    settle_lost_jobs(connection, house, house.hints())
    assert [now(services, admin, job.id)[1] for job in jobs] == [[("died", "WorkerDied")]] * 3


@pytest.mark.parametrize(("alive", "how"), [(0.5, ("died", "WorkerDied")), (3.0, ("failed", "Timeout"))])
def test_whose_worker_is_lost_timed_out_if_it_lived_longer(
    services: Services,
    admin: Actor,
    house: House,
    connection: Connection,
    claim: Claim,
    alive: float,
    how: tuple[str, str],
) -> None:
    (job,) = claim("hurried", 100)
    lease = house.settings.lease_seconds
    query = "UPDATE worker_leases SET lease_until = now() - make_interval(secs => %s)"
    connection.execute(query, [100 - alive - lease])
    assert settle_lost_jobs(connection, house, house.hints()) == [job.id]
    assert now(services, admin, job.id)[1] == [how]


def test_all_that_a_dead_work_horse_had_is_settled_at_once(house: House, connection: Connection, claim: Claim) -> None:
    """More than one statement takes: the next work-horse of that worker would renew the lease of the others."""
    jobs = claim("echo", number=128)
    assert set(settle_lost_jobs(connection, house, house.hints(), worker="w")) == {job.id for job in jobs}


@pytest.mark.parametrize("name", ["overdue_jobs", "lost_jobs"])
def test_what_is_overdue_is_found_by_the_leases(settings: Settings, claim: Claim, name: str) -> None:
    claim("echo")
    given = {"seconds": 1.0, "timeouts": "{}", "worker": None, "limit": 100}
    with connect(settings.database_url, "test") as connection:
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + statement(name), given))
    assert "Index Scan using jobs_pkey" in plan
    assert "Seq Scan on jobs" not in plan
