"""Jobs that wait for others: released, ended or held as those end, by an advancer that may fail anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from sqlalchemy import text

from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.models import Job, Outbox
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.firing import AWAY
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.sessions import DbSession
from jobsapp.store.outbox import MOST_TRIES, EndedJob

Drain = Callable[[str], int]


@pytest.fixture
def advancer(house: House) -> Iterator[Advancer]:
    with open_use_cases(house, "test advancer") as (services, session):
        yield Advancer(session, *followers_of(services))


def new(services: Services, admin: Actor, type_name: str = "echo", **fields: Any) -> Job:
    return services.jobs.create(admin, NewJob(type_name, {}, **fields))[0]


def child_of(services: Services, admin: Actor, *parents: Job, **fields: Any) -> Job:
    return new(services, admin, depends_on=tuple(parent.id for parent in parents), **fields)


def status(services: Services, admin: Actor, job: Job) -> str:
    return services.jobs.get(admin, job.id).status


def test_a_job_waits_for_all_that_it_depends_on(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    first, second = new(services, admin), new(services, admin, "measure")
    child = child_of(services, admin, first, second)
    assert advancer.advance() == 1, "the look after the commit"
    assert drain("echo") == 1
    assert advancer.advance() == 1
    assert drain("echo") == 0
    assert status(services, admin, child) == "pending"
    assert drain("measure") == 1
    advancer.advance()
    assert drain("echo") == 1
    assert status(services, admin, child) == "completed"


def test_completed_parents_hold_nobody_up(services: Services, admin: Actor, drain: Drain) -> None:
    parent = new(services, admin)
    drain("echo")
    child_of(services, admin, parent)
    assert drain("echo") == 1


def test_a_parent_that_ends_while_its_child_is_created_is_noticed(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    parent = new(services, admin)
    services.dependencies.follow(admin, [parent.id])
    drain("echo")
    assert advancer.advance() == 1, "nobody waits for it yet"
    child = services.jobs.add(admin, NewJob("echo", {}, depends_on=(parent.id,)))
    services.jobs._session.commit()
    assert child is not None
    assert drain("echo") == 1


@pytest.mark.parametrize(
    ("policy", "expected"), [(None, "cancelled"), ("cancel", "cancelled"), ("fail", "failed"), ("continue", "pending")]
)
def test_what_follows_from_a_failed_parent_is_chosen(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, policy: str | None, expected: str
) -> None:
    parent = new(services, admin, "fail", max_attempts=1)
    child = child_of(services, admin, parent, on_parent_failure=policy)
    grandchild = child_of(services, admin, child, on_parent_failure=policy)
    drain("fail")
    assert status(services, admin, parent) == "failed"
    advancer.advance()
    advancer.advance()
    found = services.jobs.get(admin, child.id)
    assert found.status == expected
    assert status(services, admin, grandchild) == expected
    if expected == "failed":
        assert found.error == {
            "type": "ParentFailed",
            "message": f"The job {parent.name}, which it depends on, failed.",
            "traceback": "",
        }
    if expected == "cancelled":
        assert found.cancel_reason == f"The job {parent.name}, which it depends on, failed."
    if expected == "pending":
        assert drain("echo") == 1


def test_a_cancelled_parent_is_as_a_failed_one(services: Services, admin: Actor, advancer: Advancer) -> None:
    parent = new(services, admin)
    child = child_of(services, admin, parent)
    services.jobs.cancel(admin, parent.id)
    advancer.advance()
    assert status(services, admin, child) == "cancelled"


def test_a_retried_child_waits_for_a_retried_parent(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    parent = new(services, admin)
    child = child_of(services, admin, parent)
    services.jobs.cancel(admin, parent.id)
    advancer.advance()
    services.jobs.retry(admin, parent.id)
    services.jobs.retry(admin, child.id)
    advancer.advance()
    assert drain("echo") == 1
    assert status(services, admin, child) == "pending"
    advancer.advance()
    assert drain("echo") == 1
    assert status(services, admin, child) == "completed"


def test_an_advancer_that_is_killed_loses_nothing(
    services: Services,
    admin: Actor,
    house: House,
    connection: psycopg.Connection[Any],
    advancer: Advancer,
    drain: Drain,
) -> None:
    """Its connection is cut when it has released the child and not committed."""
    parent = new(services, admin, "measure")
    child_of(services, admin, parent)
    drain("measure")

    class Killed:
        def absorb(self, ended: Sequence[EndedJob]) -> None:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test victim'"
            )

    with open_use_cases(house, "test victim") as (own, session):
        followers, clocks = followers_of(own)
        with pytest.raises(AWAY):
            Advancer(session, [*followers, Killed()], clocks).advance()
    assert drain("echo") == 0
    advancer.advance()
    assert drain("echo") == 1


def test_a_parent_must_be_a_job_of_the_organisation(services: Services, admin: Actor) -> None:
    with pytest.raises(InvalidInput, match="There is no job"):
        new(services, admin, depends_on=(uuid4(),))
    with pytest.raises(InvalidInput, match="must be one of cancel, fail, continue"):
        new(services, admin, on_parent_failure="explode")


class Broken:
    """Cannot follow one of the jobs. `refused`: what PostgreSQL refuses then; empty: it is the follower's own fault."""

    def __init__(self, job_id: UUID, session: DbSession, refused: str) -> None:
        self.job_id, self.session, self.refused = job_id, session, refused

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        if not any(row.job_id == self.job_id for row in ended):
            return
        if not self.refused:
            raise RuntimeError("no")
        self.session.execute(text(self.refused))


@pytest.mark.parametrize(
    ("refused", "fault"),
    [
        ("", "RuntimeError: no"),
        ("SELECT repeat('x', 2000000000)", "OperationalError: (psycopg.errors.ProgramLimitExceeded)"),
        (
            "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'deadlock_detected'; END $$",
            "OperationalError: (psycopg.errors.DeadlockDetected)",
        ),
    ],
    ids=["own", "limit", "deadlock"],
)
def test_one_that_cannot_be_followed_holds_up_nobody_and_is_set_aside(
    services: Services,
    admin: Actor,
    house: House,
    connection: psycopg.Connection[Any],
    drain: Drain,
    refused: str,
    fault: str,
) -> None:
    bad, good = new(services, admin), new(services, admin)
    child = child_of(services, admin, good)
    services.dependencies.follow(admin, [bad.id])
    drain("echo")
    with open_use_cases(house, "test") as (own, session):
        followers, clocks = followers_of(own)
        advancer = Advancer(session, [*followers, Broken(bad.id, session, refused)], clocks)
        for _ in range(MOST_TRIES):
            advancer.advance()
            connection.execute("UPDATE job_outbox SET not_before = now() WHERE not_before IS NOT NULL")
        assert advancer.advance() == 0
    assert drain("echo") == 1
    assert status(services, admin, child) == "completed"
    rows = services.jobs._session.query(Outbox).all()
    assert [(row.job_id, row.tries) for row in rows] == [(bad.id, MOST_TRIES)]
    assert (rows[0].fault or "").startswith(fault)


def test_who_looks_at_a_job_is_told_of_what_depends_on_it_now(
    services: Services, admin: Actor, advancer: Advancer
) -> None:
    parent = new(services, admin)
    with redis.Redis.from_url(services.settings.redis_url).pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("jobsapp:events")
        heard.get_message(timeout=1.0)
        for _ in range(2):
            before = services.jobs.get(admin, parent.id).revision
            child_of(services, admin, parent)
            advancer.advance()
            revision = services.jobs.get(admin, parent.id).revision
            assert revision == before + 1
            told = f"{parent.id.hex} {parent.organization_id.hex} job-update {revision}"
            while message := heard.get_message(timeout=5.0):
                if told in message["data"].decode():
                    break
            assert message is not None
