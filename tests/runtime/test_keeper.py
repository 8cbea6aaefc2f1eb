"""The keeper's duties, one tick at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import redis

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.runtime.duties import rescue, wake
from jobsapp.runtime.house import House
from jobsapp.runtime.keeper import Keeper
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.turns import claim_jobs

Connection = psycopg.Connection[Any]


def claimed(services: Services, actor: Actor, connection: Connection, lease: float = 60, **fields: Any) -> UUID:
    """A job that a worker has claimed: `w`, or one of its own if its lease is over."""
    job, _ = services.jobs.create(actor, NewJob("echo", {}, **fields))
    worker = "w" if lease > 0 else "gone"
    assert [found.id for found in claim_jobs(connection, "echo", worker=worker, lease_seconds=lease)] == [job.id]
    return job.id


def test_rescue_gives_a_job_without_a_lease_to_another(
    services: Services, admin: Actor, house: House, connection: Connection, drain: Callable[[str], int]
) -> None:
    alive = claimed(services, admin, connection)
    dead = claimed(services, admin, connection, lease=-1)
    assert rescue.tick(connection, house, house.hints()) == [dead]
    assert rescue.tick(connection, house, house.hints()) == []
    job = services.jobs.get(admin, dead)
    assert job.status == "pending"
    assert job.error is not None
    assert "no sign of life" in job.error["message"]
    assert services.jobs.get(admin, alive).status == "active"
    drain("echo")
    job = services.jobs.get(admin, dead)
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]


def test_a_job_that_kills_its_workers_fails_in_the_end(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    job_id = claimed(services, admin, connection, lease=-1, max_attempts=1)
    rescue.tick(connection, house, house.hints())
    assert services.jobs.get(admin, job_id).status == "failed"


def test_a_dead_job_that_was_asked_to_stop_is_cancelled(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    job_id = claimed(services, admin, connection)
    services.jobs.cancel(admin, job_id)
    settle_lost_jobs(connection, house, house.hints(), worker="somebody else")
    assert services.jobs.get(admin, job_id).status == "active"
    settle_lost_jobs(connection, house, house.hints(), worker="w")
    assert services.jobs.get(admin, job_id).status == "cancelled"


def test_wake_after_everything_in_redis_is_lost(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    client = redis.Redis.from_url(house.settings.redis_url)
    services.jobs.create(admin, NewJob("echo", {}))
    assert client.llen("rq:queue:echo") == 1
    client.flushall()
    assert wake.tick(connection, house.hints()) == ["echo"]
    assert wake.tick(connection, house.hints()) == ["echo"]
    assert client.llen("rq:queue:echo") == 1, "one wake-up waiting is enough"


def test_nothing_due_wakes_nobody(services: Services, admin: Actor, house: House, connection: Connection) -> None:
    services.jobs.create(admin, NewJob("echo", {}, run_at=datetime.now(UTC) + timedelta(hours=1)))
    assert wake.tick(connection, house.hints()) == []
    connection.execute("UPDATE job_queue SET run_at = now()")
    assert wake.tick(connection, house.hints()) == ["echo"]


def test_no_more_wake_ups_than_workers(house: House) -> None:
    client = redis.Redis.from_url(house.settings.redis_url)
    hints = house.hints()
    hints.announce("one", ["echo"])
    hints.announce("two", ["echo"])
    for _ in range(5):
        hints.wake("echo")
    assert client.llen("rq:queue:echo") == 2
    hints.withdraw("two", ["echo"])
    assert hints.listening(["echo", "steps"]) == {"echo": 1, "steps": 0}


def test_hints_without_redis_harm_nobody() -> None:
    hints = Hints(redis.Redis.from_url("redis://127.0.0.1:1", socket_timeout=0.2))
    assert not hints.wake("echo")
    assert hints.listening(["echo"]) is None


def test_the_keeper_folds_the_numbers(services: Services, admin: Actor, house: House, connection: Connection) -> None:
    services.jobs.create_many(admin, [NewJob("echo", {}) for _ in range(3)])
    assert connection.execute("SELECT sum(jobs) FROM job_tallies").fetchone() == (3,)
    Keeper(house).tick(connection)
    assert connection.execute("SELECT * FROM job_tallies").fetchall() == []
    assert services.stats.view(admin).by_status["pending"] == 3
