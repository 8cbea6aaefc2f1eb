"""Many jobs in one call: in order, all or none, once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from flask_openapi3 import OpenAPI

from jobsapp.bus.hints import CHANNEL
from jobsapp.bus.messages import read_news
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.bulk import MAX_JOBS
from jobsapp.services.faults import FAULTS_SHOWN_OF_ONE, FAULTY_SHOWN
from jobsapp.services.jobs import NewJob
from jobsapp.store.turns import claim_jobs
from tests.services.test_cleanup import upload
from tests.services.test_cleanup_races import holding, wait_until_waiting


@pytest.fixture
def bus(services: Services) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(services.settings.redis_url) as connection:
        yield connection


@pytest.fixture
def news(bus: redis.Redis) -> Iterator[Any]:
    with bus.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(CHANNEL)
        heard.get_message(timeout=5)
        yield heard


def count(connection: psycopg.Connection[Any], table: str = "jobs") -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    return int(row[0]) if row else 0


def refused(services: Services, actor: Actor, jobs: list[Any]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create_many(actor, jobs)
    return caught.value


def fields(error: InvalidInput) -> list[str]:
    return [fault.field for fault in error.errors]


def test_ids_rise_in_the_order_of_the_call_and_of_running(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    ids, created = services.jobs.create_many(admin, [NewJob("echo", {"text": str(n)}) for n in range(200)])
    assert created
    assert ids == sorted(set(ids))
    running = claim_jobs(connection, "echo", worker="w", lease_seconds=60, limit=200)
    assert [(job.id, job.data) for job in running] == [(one, {"text": str(n)}) for n, one in enumerate(ids)]


def test_each_row_is_what_a_single_create_makes(
    services: Services, member: Actor, connection: psycopg.Connection[Any]
) -> None:
    source = upload(services, member)
    later = datetime.now(UTC) + timedelta(hours=1)
    asked = [
        NewJob("make-file", {"source": str(source), "text": 'a "b", {c}\\ \n ü'}),
        NewJob("steps", {"steps": 2}, " N ", "D", priority=7, max_attempts=9, run_at=later),
        NewJob("echo", {}, run_at=datetime(2020, 1, 1, tzinfo=UTC)),
    ]
    ids, _ = services.jobs.create_many(member, asked)
    for job_id, new in zip(ids, asked, strict=True):
        many, (single, _) = services.jobs.get(member, job_id), services.jobs.create(member, new)
        own = {"id", "created_at", "updated_at", "run_at"}
        for name in set(Job.__table__.c.keys()) - own:
            assert getattr(many, name) == getattr(single, name), name
        assert many.user_id == member.user_id
        assert many.run_at == (new.run_at if new.run_at == later else many.created_at)
    held = connection.execute("SELECT file_id FROM job_inputs WHERE job_id = ANY(%s)", [ids]).fetchall()
    assert held == [(source,)]


def test_one_wake_up_for_each_queue_and_one_message_of_all(
    services: Services, admin: Actor, bus: redis.Redis, news: Any
) -> None:
    services.jobs._hints.announce("w1", ["echo"])
    services.jobs._hints.announce("w2", ["echo"])
    ids, _ = services.jobs.create_many(admin, [NewJob(("echo", "steps")[n % 2], {}) for n in range(50)])
    assert [bus.llen(f"rq:queue:{queue}") for queue in ("echo", "steps", "fail")] == [1, 1, 0]
    told = read_news(news.get_message(timeout=5)["data"])
    assert told == [JobChanged(one, admin.organization_id, Event.CREATED, 1) for one in ids]
    assert news.get_message(timeout=0.1) is None


def test_nothing_leaves_without_a_commit(
    services: Services, admin: Actor, bus: redis.Redis, news: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("no commit today")

    monkeypatch.setattr(db.session, "commit", refuse)
    with pytest.raises(RuntimeError):
        services.jobs.create_many(admin, [NewJob("echo", {})] * 3)
    db.session.rollback()
    assert news.get_message(timeout=0.1) is None
    assert bus.llen("rq:queue:echo") == 0


def test_faults_are_told_by_index_and_nothing_is_written(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any], bus: redis.Redis
) -> None:
    good = NewJob("echo", {})
    mine, theirs = upload(services, admin), upload(services, stranger)
    error = refused(
        services,
        admin,
        [
            good,
            NewJob("make-file", {"source": str(theirs)}),
            NewJob("nonsense", {}),
            NewJob("make-file", {"source": str(mine)}),
            NewJob("echo", {"text": 1, "userId": "x"}),
            NewJob("echo", {}, name="n" * 201),
            NewJob("echo", {}, max_attempts=0),
            NewJob("not-installed", {}),
            InvalidInput.of("", "send a JSON object"),
            NewJob("steps", {"seconds": "nan"}),
        ],
    )
    assert fields(error) == [
        "jobs[1].data.source",
        "jobs[2].type",
        "jobs[4].data.text",
        "jobs[4].data.userId",
        "jobs[5].name",
        "jobs[6].maxAttempts",
        "jobs[7].type",
        "jobs[8]",
        "jobs[9].data.seconds",
    ]
    assert error.detail.startswith("8 of 10 jobs cannot be created, so none was. The first: jobs[1].data.source: there")
    assert str(theirs) in error.errors[0].message
    assert (count(connection), count(connection, "job_inputs"), bus.llen("rq:queue:echo")) == (0, 0, 0)


def test_only_the_first_faulty_jobs_are_listed(services: Services, admin: Actor) -> None:
    many = NewJob("echo", {f"field{n}": 1 for n in range(50)})
    error = refused(services, admin, [many, *[NewJob("nonsense", {})] * 150])
    listed = [f"jobs[{index}].type" for index in range(1, FAULTY_SHOWN)]
    assert fields(error)[FAULTS_SHOWN_OF_ONE:] == listed
    assert error.detail.startswith("151 of 151 jobs")


@pytest.mark.parametrize("number", [0, MAX_JOBS + 1])
def test_the_number_of_jobs_is_bounded(services: Services, admin: Actor, number: int) -> None:
    error = refused(services, admin, [NewJob("echo", {})] * number)
    assert fields(error) == ["jobs"]
    assert f"these are {number:,}" in error.detail


def test_as_many_as_there_may_be(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> None:
    source = str(upload(services, admin))
    for asked in (NewJob("echo", {"text": "x" * 100}), NewJob("make-file", {"source": source})):
        ids, _ = services.jobs.create_many(admin, [asked] * MAX_JOBS)
        assert ids == sorted(set(ids))
    assert count(connection) == 2 * MAX_JOBS
    assert count(connection, "job_inputs") == MAX_JOBS


def test_many_files_are_looked_up_by_few_statements(services: Services, admin: Actor) -> None:
    from sqlalchemy import event

    def statements(number: int) -> int:
        sources = [str(upload(services, admin)) for _ in range(number)]
        seen: list[str] = []
        note = lambda *arguments: seen.append(arguments[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", note)
        services.jobs.create_many(admin, [NewJob("make-file", {"source": source}) for source in sources])
        event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(2) == statements(20) == 3


def test_a_repeat_gives_the_same_ids(services: Services, admin: Actor, stranger: Actor, bus: redis.Redis) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    asked = [NewJob("steps", {"steps": 2, "gate": "x"}, run_at=start), NewJob("echo", {}), NewJob("echo", {})]
    again = [NewJob("steps", {"gate": "x", "steps": 2}, run_at=start), *asked[1:]]
    ids, created = services.jobs.create_many(admin, asked, idempotency_key="k")
    bus.delete("rq:queue:echo")
    assert created
    assert services.jobs.create_many(admin, again, idempotency_key="k") == (ids, False)
    assert bus.llen("rq:queue:echo") == 0
    for other in (asked[:2], [*asked, asked[0]], asked[::-1], asked[:1]):
        with pytest.raises(Conflict, match="another request"):
            services.jobs.create_many(admin, other, idempotency_key="k")
    theirs, created = services.jobs.create_many(stranger, asked, idempotency_key="k")
    assert created, "keys of organisations are apart"
    assert not set(theirs) & set(ids)


def test_a_key_serves_one_call_of_either_kind(services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}), idempotency_key="single")
    services.jobs.create_many(admin, [NewJob("echo", {})], idempotency_key="many")
    with pytest.raises(Conflict, match="another request"):
        services.jobs.create_many(admin, [NewJob("echo", {})], idempotency_key="single")
    with pytest.raises(Conflict, match="another request"):
        services.jobs.create(admin, NewJob("echo", {}), idempotency_key="many")
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        services.jobs.create_many(admin, [NewJob("echo", {})], idempotency_key="\0")


def test_a_repeat_outlives_its_files_but_not_its_jobs(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    asked = [NewJob("make-file", {"source": str(upload(services, admin))})] * 3
    ids, _ = services.jobs.create_many(admin, asked, idempotency_key="k")
    connection.execute("DELETE FROM job_inputs")
    connection.execute("DELETE FROM files")
    assert services.jobs.create_many(admin, asked, idempotency_key="k") == (ids, False)
    connection.execute("DELETE FROM jobs WHERE id = %s", [ids[0]])
    with pytest.raises(Conflict, match="deleted since"):
        services.jobs.create_many(admin, asked, idempotency_key="k")


def test_two_calls_at_once_with_one_key_make_the_jobs_once(
    app: OpenAPI, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    def create(_: int) -> tuple[list[UUID], bool]:
        with app.app_context():
            return services.jobs.create_many(admin, [NewJob("echo", {})] * 500, idempotency_key="k")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(create, range(4)))
    assert sorted(created for _, created in answers) == [False, False, False, True]
    assert len({tuple(ids) for ids, _ in answers}) == 1
    assert count(connection) == 500


def test_a_file_that_went_a_moment_ago_is_named(
    app: OpenAPI, settings: Settings, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    kept, gone = upload(services, admin), upload(services, admin)

    def create() -> list[str]:
        asked = [NewJob("make-file", {"source": str(one)}) for one in (kept, gone, kept)]
        with app.app_context():
            return fields(refused(services, admin, asked))

    with ThreadPoolExecutor(1) as pool:
        with holding(settings, "DELETE FROM files WHERE id = %s", gone):
            creating = pool.submit(create)
            wait_until_waiting(connection)
        assert creating.result(20) == ["jobs[1].data.source"]
    assert count(connection) == 0


def test_an_unknown_file_is_refused(services: Services, admin: Actor) -> None:
    error = refused(services, admin, [NewJob("echo", {}), NewJob("make-file", {"source": str(uuid4())})])
    assert fields(error) == ["jobs[1].data.source"]
