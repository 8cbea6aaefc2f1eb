"""When runs of workflows are begun, stopped and gone on with, and for whom nobody waits meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.runtime import advancing
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.runtime.workflows import clocks
from jobsapp.runtime.workflows.clocks import AT_ONCE
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.connect import connect
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.outbox import CHANNEL, WORKFLOWS_DUE, WORKFLOWS_TO_BEGIN
from jobsapp.store.statements import statement
from jobsapp.store.turns import FIRST
from tests.store import rows
from tests.store.workers import at_once
from tests.workflow_walk import Walk, definition

Connection = psycopg.Connection[Any]
WAITS = {"definition": {"steps": {"a": {"waitFor": {"event": "never"}}}}}
MANY = 10_000
WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'test advancer' AND wait_event_type = 'Lock'"""


@contextmanager
def listening(settings: Settings) -> Iterator[Connection]:
    with connect(settings.database_url, "listens") as calls:
        calls.execute(f"LISTEN {CHANNEL}")
        yield calls


def called(calls: Connection) -> set[str]:
    """What is asked for, as the thread beside the keeper hears it."""
    return {one.payload for one in calls.notifies(timeout=10, stop_after=1)}


def test_a_worker_that_claims_a_limited_type_does_not_wait_for_a_run_that_is_brought_on(
    walk: Walk, services: Services, settings: Settings, connection: Connection
) -> None:
    rows.insert_limit(connection, "type", "echo", 5)
    rows.insert_limit(connection, "type", "workflow-execution", 5)
    other = rows.insert_job(connection, walk.actor.organization_id)
    claimed: list[UUID] = []

    def claim(_actor: Actor, _data: Any) -> None:
        """In the middle of it: the first step's job is being made."""
        with connect(settings.database_url, "worker") as worker:
            worker.execute("SET lock_timeout = '2s'")
            given = {"worker": "w", "lease_seconds": 60.0, "limit": 1, "after": FIRST}
            claimed.extend(job.id for job in claim_within_limits(worker, "echo", **given).claimed)  # type: ignore[arg-type]

    engine = walk.advancer._followers[2]
    engine._step_jobs._jobs.admissions["echo"] = claim  # type: ignore[attr-defined]
    assert walk.start({"a": {}}, work=False).status == "active"
    assert claimed == [other]


def test_a_run_that_is_started_or_cancelled_calls_the_advancer(
    walk: Walk, services: Services, settings: Settings
) -> None:
    with listening(settings) as calls:
        job, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", WAITS))
        assert called(calls) == {WORKFLOWS_TO_BEGIN}
        walk.advancer.tick({WORKFLOWS_TO_BEGIN})
        assert called(calls) == {""}
        assert walk.advancer.advance() == 1
        assert walk.states(job.id) == {"a": "waiting"}
        services.jobs.cancel(walk.actor, job.id)
        assert called(calls) == {""}
        assert walk.advancer.advance() == 1
        assert services.jobs.get(walk.actor, job.id).status == "cancelled"
        services.jobs.retry(walk.actor, job.id)
        assert called(calls) == {WORKFLOWS_TO_BEGIN}


def test_what_is_said_to_a_run_calls_its_clock(walk: Walk, services: Services, settings: Settings) -> None:
    job = walk.start({"a": {"waitFor": {"event": "paid"}}})
    with listening(settings) as calls:
        services.workflow_runs.signal(walk.actor, job.id, "paid")
        assert called(calls) == {WORKFLOWS_DUE}
    walk.advancer.tick({WORKFLOWS_DUE})
    assert services.jobs.get(walk.actor, job.id).status == "completed"


def test_a_run_that_is_cancelled_before_it_began_stops(walk: Walk, services: Services) -> None:
    job, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", WAITS))
    walk.advancer.tick({WORKFLOWS_TO_BEGIN})
    services.jobs.cancel(walk.actor, job.id)
    assert walk.on(job.id).status == "cancelled"


def test_who_takes_over_looks_once_for_runs_of_which_no_word_was_left(
    walk: Walk, services: Services, house: House, connection: Connection
) -> None:
    """Such as those that were begun, or asked to stop, by a version before this one."""
    stopped = walk.start({"a": {"waitFor": {"event": "never"}}})
    late = walk.start({"a": {"waitFor": {"event": "never"}}}, timeout_seconds=60)
    services.jobs.cancel(walk.actor, stopped.id)
    connection.execute("DELETE FROM job_outbox")
    connection.execute("UPDATE workflow_runs SET wake_at = NULL")
    connection.execute("UPDATE jobs SET started_at = now() - interval '2 minutes' WHERE id = %s", [late.id])
    walk.advancer.tick()
    assert services.jobs.get(walk.actor, stopped.id).status == "active"
    services.jobs._session.rollback()
    with open_use_cases(house, "test other") as (own, session):
        Advancer(session, *followers_of(own)).tick()
    assert services.jobs.get(walk.actor, stopped.id).status == "cancelled"
    assert services.jobs.get(walk.actor, late.id).error["type"] == "Timeout"


def claimed(services: Services, walk: Walk, connection: Connection, lost: str) -> UUID:
    """A run of whose claim no word is left that somebody hears."""
    job, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", {"definition": definition(a={})}))
    walk.advancer.tick({WORKFLOWS_TO_BEGIN})
    assert connection.execute(lost).rowcount == 1
    return job.id


LOST = "DELETE FROM job_outbox WHERE kind = 'begin'"
SET_ASIDE = "UPDATE job_outbox SET not_before = NULL, tries = 5 WHERE kind = 'begin'"


@pytest.mark.parametrize("lost", [LOST, SET_ASIDE])
def test_who_takes_over_begins_what_was_claimed_and_is_not_begun(
    walk: Walk, services: Services, house: House, connection: Connection, lost: str
) -> None:
    walk.advancer.tick()
    run_id = claimed(services, walk, connection, lost)
    assert walk.on(run_id).status == "active"
    services.jobs._session.rollback()
    with open_use_cases(house, "test other") as (own, session):
        Advancer(session, *followers_of(own)).tick()
        assert connection.execute("SELECT count(*) FROM job_outbox WHERE not_before IS NOT NULL").fetchone() == (1,)
        Advancer(session, *followers_of(own)).tick()
        assert connection.execute("SELECT count(*) FROM job_outbox WHERE not_before IS NOT NULL").fetchone() == (1,)
    assert walk.on(run_id).status == "completed"


def test_what_was_claimed_and_is_not_begun_can_be_cancelled(
    walk: Walk, services: Services, connection: Connection
) -> None:
    walk.advancer.tick()
    run_id = claimed(services, walk, connection, LOST)
    services.jobs.cancel(walk.actor, run_id)
    assert walk.on(run_id).status == "cancelled"


def test_who_takes_over_looks_again_if_the_first_look_was_undone(
    walk: Walk, services: Services, house: House, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = walk.start({"a": {"waitFor": {"event": "never"}}})
    services.jobs.cancel(walk.actor, run.id)
    connection.execute("DELETE FROM job_outbox")
    services.jobs._session.rollback()
    with open_use_cases(house, "test other") as (own, session):
        other = Advancer(session, *followers_of(own))
        with monkeypatch.context() as patch:
            patch.setattr(clocks, "AT_ONCE", "none")
            other.tick({WORKFLOWS_DUE})
        other.tick({WORKFLOWS_DUE})
    assert services.jobs.get(walk.actor, run.id).status == "cancelled"


def test_jobs_of_several_runs_are_stopped_in_the_order_in_which_a_worker_writes_them(
    walk: Walk, services: Services, settings: Settings, connection: Connection
) -> None:
    """So that neither waits for the other in a circle, whichever run began first."""
    older = walk.start({"a": {}, "b": {"needs": ["a"]}}, work=False)
    younger = walk.start({"a": {}}, work=False)
    (first,) = services.jobs.newest(walk.actor.organization_id, 1)
    # Another worker has the younger run's step.
    connection.execute("UPDATE job_queue SET due = false WHERE job_id = %s", [first])
    connection.execute("UPDATE job_queue SET run_at = now() + interval '1 day' WHERE job_id = %s", [first])
    walk.drain("echo")
    walk.on(older.id, work=False)
    (second,) = services.jobs.newest(walk.actor.organization_id, 1)
    assert (older.id < younger.id, first < second) == (True, True)
    connection.execute("DELETE FROM job_queue")
    connection.execute("UPDATE jobs SET status = 'active', worker = 'w', attempts = 1 WHERE status = 'pending'")
    for run in (older, younger):
        services.jobs.cancel(walk.actor, run.id)
    held = threading.Event()

    def work() -> None:
        with connect(settings.database_url, "worker") as worker, worker.transaction():
            worker.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", [first])
            held.set()
            until = time.monotonic() + 20
            while connection.execute(WAITING).fetchone() == (0,):
                assert time.monotonic() < until
            worker.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", [second])

    def stop() -> None:
        assert held.wait(20)
        assert walk.advancer.advance() == 2

    at_once([work, stop])
    stopping = "SELECT count(*) FROM jobs WHERE cancel_reason = 'Its workflow stops.'"
    assert connection.execute(stopping).fetchone() == (2,)


def test_when_more_runs_wait_than_are_claimed_at_once_the_clock_is_called_again(
    walk: Walk, services: Services, settings: Settings
) -> None:
    jobs = [NewJob("workflow-execution", WAITS) for _ in range(AT_ONCE + 1)]
    services.jobs.create_many(walk.actor, jobs)
    with listening(settings) as calls:
        walk.advancer.tick({WORKFLOWS_TO_BEGIN})
        assert called(calls) == {"", WORKFLOWS_TO_BEGIN}
        walk.advancer.tick({WORKFLOWS_TO_BEGIN})
        assert called(calls) == {""}
    assert walk.advancer.advance() == AT_ONCE + 1


def test_the_thread_beside_the_keeper_begins_and_stops_a_run_at_once(
    services: Services, admin: Actor, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock that is asked anyway, a second apart, plays no part."""
    monkeypatch.setattr(advancing, "TICK_SECONDS", 3600.0)
    thread = advancing.AdvancerThread(house)
    thread.start()
    try:
        for _ in range(2):
            job, _ = services.jobs.create(admin, NewJob("workflow-execution", WAITS))
            reaches(services, admin, job.id, "active")
            services.jobs.cancel(admin, job.id)
            reaches(services, admin, job.id, "cancelled")
    finally:
        thread.stop()


def reaches(services: Services, admin: Actor, job_id: UUID, status: str) -> None:
    until = time.monotonic() + 20
    while services.jobs.get(admin, job_id).status != status:
        assert time.monotonic() < until
        services.jobs._session.rollback()
        time.sleep(0.02)
    services.jobs._session.rollback()


@pytest.mark.parametrize("name", ["due_workflows", "workflows_wait"])
def test_with_ten_thousand_runs_that_wait_a_clock_reads_a_handful_of_pages(
    services: Services, admin: Actor, connection: Connection, name: str
) -> None:
    wait_many(connection, admin.organization_id)
    plan = explained(connection, name, limit=AT_ONCE, queue="workflow-execution")
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 20


def wait_many(connection: Connection, organization_id: UUID) -> None:
    """Runs that go on and wait, half of them for a time that has not come."""
    rows.insert_many(connection, organization_id, MANY, type_name="workflow-execution")
    connection.execute("DELETE FROM job_queue")
    connection.execute("UPDATE jobs SET status = 'active', worker = 'workflows', attempts = 1, started_at = now()")
    connection.execute(
        """INSERT INTO workflow_runs (job_id, organization_id, workflow, definition, input, running, wake_at)
        SELECT id, organization_id, '', '{}', '{}', true,
          CASE WHEN row_number() OVER () % 2 = 0 THEN now() + interval '1 day' END FROM jobs"""
    )
    connection.execute("ANALYZE jobs, workflow_runs, job_queue")


def explained(connection: Connection, name: str, **values: Any) -> dict[str, Any]:
    row = connection.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement(name), values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan
