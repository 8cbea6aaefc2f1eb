"""A job that still waits when it expires is cancelled, and never runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from flask.testing import FlaskClient

from jobsapp.bus.hints import CHANNEL
from jobsapp.bus.messages import read_news
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.runtime.house import House
from jobsapp.runtime.keeper import Keeper
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.views import JobView
from jobsapp.store.turns import claim_jobs, finish_job
from tests.pages.conftest import SignIn, client, sign_in, web

__all__ = ["SignIn", "client", "sign_in", "web"]

Connection = psycopg.Connection[Any]
Tick = Callable[[], None]


@pytest.fixture
def tick(house: House, connection: Connection) -> Tick:
    keeper = Keeper(house)
    return lambda: keeper.tick(connection)


def expiring(services: Services, actor: Actor, **more: Any) -> UUID:
    job, _ = services.jobs.create(
        actor, NewJob("echo", {}, expires_at=datetime.now(UTC) + timedelta(minutes=1), **more)
    )
    return job.id


def pass_minutes(connection: Connection, minutes: int) -> None:
    """Turn the clock of all jobs, so that no test has to wait."""
    for table in ("jobs", "job_queue"):
        connection.execute(
            f"""UPDATE {table} SET run_at = run_at - make_interval(mins => %(minutes)s),
                expires_at = expires_at - make_interval(mins => %(minutes)s)""",
            {"minutes": minutes},
        )


def view(services: Services, actor: Actor, job_id: UUID) -> JobView:
    return services.views.job(services.jobs.get(actor, job_id))


def claim(connection: Connection) -> Any:
    return claim_jobs(connection, "echo", worker="w", lease_seconds=60, limit=10)


def test_while_it_waits(
    services: Services, admin: Actor, connection: Connection, tick: Tick, settings: Settings, web: FlaskClient
) -> None:
    job_id = expiring(services, admin)
    other, _ = services.jobs.create(admin, NewJob("echo", {}))
    tick()
    assert view(services, admin, job_id).status == "pending"
    news = redis.Redis.from_url(settings.redis_url, decode_responses=True).pubsub(ignore_subscribe_messages=True)
    news.subscribe(CHANNEL)
    pass_minutes(connection, 2)
    tick()
    job = view(services, admin, job_id)
    assert (job.status, job.cancelled_by, job.duration_ms, job.expired) == ("cancelled", None, None, True)
    assert job.cancel_reason == "It had not started by the time at which it expired."
    told: list[JobChanged] = []
    deadline = time.monotonic() + 5
    while not told:
        assert time.monotonic() < deadline, "nobody heard of it"
        message = news.get_message(timeout=0.1)
        told += read_news(message["data"].encode()) if message else []
    assert [(one.job_id, one.event) for one in told] == [(job_id, Event.CANCELLED)]
    assert [found.id for found in claim(connection)] == [other.id]
    page = web.get(f"/jobs/{job_id}").text
    assert "It had not started by the time at which it expired." in page
    assert 'aria-label="Cancelling"' not in page, "nobody asked for it"


def test_while_it_runs_it_is_left_alone(services: Services, admin: Actor, connection: Connection, tick: Tick) -> None:
    job_id = expiring(services, admin)
    (claimed,) = claim(connection)
    pass_minutes(connection, 2)
    tick()
    job = view(services, admin, job_id)
    assert (job.status, job.cancel_requested_at) == ("active", None)
    assert finish_job(connection, job_id, claimed.attempt, Transition(Status.COMPLETED, "completed"))
    tick()
    assert view(services, admin, job_id).status == "completed"


def test_never_claimed_though_no_keeper_is_there(
    services: Services, admin: Actor, connection: Connection, drain: Callable[[str], int]
) -> None:
    job_id = expiring(services, admin, priority=9)
    pass_minutes(connection, 2)
    assert claim(connection) == []
    assert drain("echo") == 0
    assert view(services, admin, job_id).status == "pending"


def test_one_that_waits_for_its_start_time(
    services: Services, admin: Actor, connection: Connection, tick: Tick
) -> None:
    job_id = expiring(services, admin, run_at=datetime.now(UTC) + timedelta(seconds=30))
    pass_minutes(connection, 2)
    tick()
    assert view(services, admin, job_id).status == "cancelled"


def test_while_a_retry_is_due(services: Services, admin: Actor, connection: Connection, tick: Tick) -> None:
    job_id = expiring(services, admin)
    (claimed,) = claim(connection)
    later = datetime.now(UTC) + timedelta(minutes=5)
    again = Transition(Status.PENDING, "failed", failure=Failure("ValueError", "broke"), run_at=later)
    assert finish_job(connection, job_id, claimed.attempt, again)
    assert view(services, admin, job_id).status == "pending"
    pass_minutes(connection, 2)
    tick()
    job = view(services, admin, job_id)
    assert (job.status, job.cancel_reason) == ("cancelled", "It expired before its next attempt.")
    assert job.error is not None
    assert job.error.message == "broke"
    pass_minutes(connection, 10)
    assert claim(connection) == []


def test_a_retry_that_somebody_asks_for_takes_the_expiry_away(
    services: Services, admin: Actor, connection: Connection, tick: Tick
) -> None:
    job_id = expiring(services, admin)
    pass_minutes(connection, 2)
    tick()
    services.jobs.retry(admin, job_id)
    tick()
    job = view(services, admin, job_id)
    assert (job.status, job.expires_at, job.expired) == ("pending", None, False)
    assert [found.id for found in claim(connection)] == [job_id]
