"""Workers as people see them: what Redis tells of them, and what PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import REPORTS, SEEN, WISHES, Report, Roster
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden, NotFound, Unavailable
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.workers import WorkerView
from jobsapp.store import jobs as store
from jobsapp.store.turns import claim_jobs

Connection = psycopg.Connection[Any]


def report(name: str = "w", **said: Any) -> Report:
    plain: dict[str, Any] = {"host": "h", "pid": 7, "queues": ["echo"], "age_seconds": 60.0}
    return Report(name=name, **(plain | said))


@pytest.fixture
def roster(settings: Settings) -> Roster:
    return Roster(redis_connection.hints(settings.redis_url))


@pytest.fixture
def server(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(settings.redis_url)


@pytest.fixture
def one(services: Services) -> Callable[[Actor], WorkerView]:
    def find(actor: Actor) -> WorkerView:
        (found,) = services.workers.all(actor).workers
        return found

    return find


def grow_old(server: redis.Redis, name: str, seconds: int) -> None:
    """Let the last sign of a worker have been so long ago."""
    server.zincrby(SEEN, -seconds, name)


def claim(services: Services, actor: Actor, connection: Connection, worker: str, **fields: Any) -> store.ClaimedJob:
    services.jobs.create(actor, NewJob("echo", {}, **fields))
    (job,) = claim_jobs(connection, "echo", worker=worker, lease_seconds=60)
    return job


def test_what_a_worker_is_and_does(
    services: Services,
    admin: Actor,
    connection: Connection,
    roster: Roster,
    one: Callable[[Actor], WorkerView],
) -> None:
    roster.report([report(memory_bytes=80_000_000, horse_bytes=120_000_000, jobs_done=5, jobs_failed=1)])
    view = one(admin)
    assert (view.state, view.host, view.pid, view.queues) == ("idle", "h", 7, ["echo"])
    assert (view.memory_bytes, view.work_horse_memory_bytes) == (80_000_000, 120_000_000)
    assert (view.jobs_done, view.jobs_failed) == (5, 1)
    assert view.since is not None
    assert view.seen_at is not None
    assert 59 <= (view.seen_at - view.since).total_seconds() <= 61
    job = claim(services, admin, connection, "w", name="Letters")
    pulse = store.Pulse(3, 12, "Step 3", changed=True)
    assert store.pulse_job(connection, job.id, job.attempt, pulse, lease_seconds=60)
    view = one(admin)
    assert view.state == "busy"
    assert [(now.id, now.name, now.type) for now in view.jobs] == [(job.id, "Letters", "echo")]
    assert (view.jobs[0].progress.percentage, view.jobs[0].progress.message) == (25.0, "Step 3")


def test_nothing_is_told_of_other_organisations_but_their_number_at_home(
    services: Services,
    admin: Actor,
    stranger: Actor,
    connection: Connection,
    roster: Roster,
    one: Callable[[Actor], WorkerView],
) -> None:
    roster.report([report()])
    ours = [claim(services, admin, connection, "w", name=f"Secret {n}").id for n in range(5)]
    theirs = claim(services, stranger, connection, "w", name="Theirs").id
    view = one(stranger)
    assert ([job.id for job in view.jobs], view.jobs_more, view.jobs_of_others) == ([theirs], 0, None)
    assert view == WorkerView.model_validate(
        dict.fromkeys(WorkerView.model_fields)
        | {"name": "worker-1", "queues": [], "state": "busy", "jobs": view.jobs, "jobs_more": 0}
    )
    assert services.workers.get(stranger, "worker-1") == view
    with pytest.raises(NotFound):
        services.workers.get(stranger, "w")
    assert "Secret" not in view.model_dump_json()
    assert not any(str(job_id) in view.model_dump_json() for job_id in ours)
    view = one(admin)
    assert ([job.id for job in view.jobs], view.jobs_more, view.jobs_of_others) == (sorted(ours)[:3], 2, 1)


def test_a_job_that_has_ended_is_not_told_of(
    services: Services, admin: Actor, connection: Connection, one: Callable[[Actor], WorkerView]
) -> None:
    claim(services, admin, connection, "w")
    connection.execute("UPDATE jobs SET status = 'completed', completed_at = now()")
    claim(services, admin, connection, "w")
    assert len(one(admin).jobs) == 1, "the lease still names both"


def test_silence_is_told_and_forgotten_after_ten_minutes(
    admin: Actor, services: Services, roster: Roster, server: redis.Redis, one: Callable[[Actor], WorkerView]
) -> None:
    roster.report([report()])
    grow_old(server, "w", 14)
    assert one(admin).state == "idle"
    grow_old(server, "w", 10)
    assert one(admin).state == "silent"
    grow_old(server, "w", 600)
    roster.report([report("other")])
    assert [view.name for view in services.workers.all(admin).workers] == ["other"]
    assert server.hkeys(REPORTS) == [b"other"]


def test_stopping_and_starting_again(
    services: Services,
    admin: Actor,
    roster: Roster,
    server: redis.Redis,
    one: Callable[[Actor], WorkerView],
) -> None:
    roster.report([report()])
    with pytest.raises(Conflict, match=r"does not listen.*kill -TERM 7"):
        services.workers.stop(admin, "w")
    assert one(admin).state == "idle", "nothing was asked"
    with server.pubsub() as worker:
        worker.subscribe("rq:pubsub:w")
        assert worker.get_message(timeout=5)
        assert services.workers.stop(admin, "w").state == "stopping"
        message = worker.get_message(timeout=5)
        assert message is not None
        assert message["data"] == b'{"command": "shutdown"}'
        assert services.workers.stop(admin, "w").state == "stopping"
        assert worker.get_message(timeout=0.2) is None, "a second command would kill its work-horse"
    with pytest.raises(Conflict, match="was not stopped"):
        services.workers.start(admin, "w")
    assert roster.report([report(pid=0)]) == {"w": "stop"}
    assert one(admin).state == "stopped"
    assert services.workers.stop(admin, "w").state == "stopped"
    assert services.workers.start(admin, "w").state == "starting"
    assert services.workers.start(admin, "w").state == "starting"
    assert roster.report([report(pid=0)]) == {"w": "start"}
    roster.forget(["w"])
    assert services.workers.all(admin).workers == []
    assert not server.exists(REPORTS, SEEN, WISHES)


def test_an_empty_place_whose_parent_is_gone_is_none(
    services: Services, admin: Actor, roster: Roster, server: redis.Redis
) -> None:
    roster.report([report(pid=0)])
    grow_old(server, "w", 20)
    assert services.workers.all(admin).workers == []


def test_only_administrators_stop_and_start(services: Services, member: Actor, roster: Roster) -> None:
    roster.report([report()])
    assert len(services.workers.all(member).workers) == 1
    for change in (services.workers.stop, services.workers.start):
        with pytest.raises(Forbidden):
            change(member, "w")


def test_an_unknown_worker_is_not_found(services: Services, admin: Actor) -> None:
    for change in (services.workers.stop, services.workers.start):
        with pytest.raises(NotFound, match="no worker nobody"):
            change(admin, "nobody")


def test_a_report_of_another_version_is_passed_over(
    services: Services, admin: Actor, roster: Roster, server: redis.Redis
) -> None:
    roster.report([report("new"), report("old")])
    server.hset(REPORTS, "old", '{"name": "old", "moods": 3}')
    assert [view.name for view in services.workers.all(admin).workers] == ["new"]


def test_without_redis_the_database_tells_what_it_knows(
    services: Services, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    claim(services, admin, connection, "w", name="Letters")
    services.workers._roster = Roster(redis_connection.looks("redis://127.0.0.1:1"))
    found = services.workers.all(admin)
    assert not found.known
    (view,) = found.workers
    assert (view.name, view.state, view.host, [job.name for job in view.jobs]) == ("w", "busy", None, ["Letters"])
    with pytest.raises(Unavailable, match=r"w cannot be told.*SIGTERM"):
        services.workers.stop(admin, "w")
    with pytest.raises(Unavailable, match="which workers there are is not known"):
        services.workers.stop(admin, "idle-one")


@pytest.mark.parametrize("workers", [1, 50])
def test_the_cost_does_not_grow_with_the_workers(
    services: Services,
    admin: Actor,
    connection: Connection,
    roster: Roster,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roster.report([report(f"w{n}") for n in range(workers)])
    for n in range(workers):
        claim(services, admin, connection, f"w{n}")
    services.workers.all(admin)
    statements: list[Any] = []
    trips: list[Any] = []
    monkeypatch.setattr(psycopg.Cursor, "execute", counted(psycopg.Cursor.execute, statements))
    pipelines = type(services.workers._roster._redis.pipeline(transaction=False))
    monkeypatch.setattr(pipelines, "execute", counted(pipelines.execute, trips))
    assert len(services.workers.all(admin).workers) == workers
    assert (len(statements), len(trips)) == (1, 1)


def counted(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        return function(*arguments, **more)

    return call
