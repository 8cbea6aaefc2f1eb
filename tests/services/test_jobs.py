"""Creating, finding, cancelling and retrying jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.errors import Conflict, InvalidInput, NotFound, TooLarge
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter, NewJob
from jobsapp.store.turns import claim_jobs, finish_job


def queued(services: Services) -> int:
    return int(redis.Redis.from_url(services.settings.redis_url).llen("rq:queue:echo"))  # type: ignore[arg-type]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_create_and_find(services: Services, admin: Actor, stranger: Actor) -> None:
    job, created = services.jobs.create(admin, NewJob("echo", {"text": "hi"}))
    assert created
    view = services.views.job(job)
    assert (view.status, view.queue, view.name, view.data) == ("pending", "echo", "Echo", {"text": "hi"})
    assert view.waiting_for is not None
    assert view.waiting_for.code == "no-worker"
    with pytest.raises(NotFound):
        services.jobs.get(stranger, job.id)
    assert services.jobs.page(stranger, JobFilter()) == ([], None)


def test_wake_up_leaves_after_the_commit_only(
    services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("no commit today")

    monkeypatch.setattr(db.session, "commit", refuse)
    with pytest.raises(RuntimeError):
        services.jobs.create(admin, NewJob("echo", {}))
    db.session.rollback()
    monkeypatch.undo()
    services.identity.users()
    db.session.commit()
    assert queued(services) == 0
    assert services.jobs.page(admin, JobFilter())[0] == []
    services.jobs.create(admin, NewJob("echo", {}))
    assert queued(services) == 1


def test_idempotency_key(services: Services, admin: Actor, stranger: Actor) -> None:
    first, created = services.jobs.create(admin, NewJob("echo", {"text": "a"}), idempotency_key="k")
    again, created_again = services.jobs.create(admin, NewJob("echo", {"text": "a"}), idempotency_key="k")
    assert (created, created_again, again.id) == (True, False, first.id)
    with pytest.raises(Conflict, match="used before with another request"):
        services.jobs.create(admin, NewJob("echo", {"text": "b"}), idempotency_key="k")
    _, created = services.jobs.create(stranger, NewJob("echo", {"text": "a"}), idempotency_key="k")
    assert created, "keys of organisations are apart"


def test_the_same_request_in_another_order_is_a_repeat(services: Services, admin: Actor) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    first = NewJob("steps", {"steps": 2, "gate": "x"}, run_at=start)
    again = NewJob("steps", {"gate": "x", "steps": 2}, run_at=start.astimezone(timezone(timedelta(hours=5))))
    job, _ = services.jobs.create(admin, first, idempotency_key="k")
    assert services.jobs.create(admin, again, idempotency_key="k")[0].id == job.id


def test_a_repeat_outlives_its_files(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> None:
    receiver = services.files.receiver()
    receiver.write(b"four")
    source = services.files.register(admin, receiver, "in.txt").id
    new = NewJob("make-file", {"source": str(source)})
    job, _ = services.jobs.create(admin, new, idempotency_key="k")
    connection.execute("DELETE FROM job_inputs")
    connection.execute("DELETE FROM files")
    again, created = services.jobs.create(admin, new, idempotency_key="k")
    assert (again.id, created) == (job.id, False)


@pytest.mark.parametrize(("reason", "message"), [("a\0b", "cannot be stored"), ("r" * 501, "up to 500")])
def test_a_reason_that_cannot_be_kept(services: Services, admin: Actor, reason: str, message: str) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    with pytest.raises(InvalidInput, match=f"reason: .*{message}"):
        services.jobs.cancel(admin, job.id, reason=reason)
    assert services.jobs.get(admin, job.id).status == "pending"


def test_a_filter_that_nothing_can_match(services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}))
    for wanted in (JobFilter(text="\0"), JobFilter(type="\ud800"), JobFilter(queue="a\0")):
        assert services.jobs.page(admin, wanted) == ([], None)


def test_a_run_that_was_not_has_no_duration(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    job_id = services.jobs.create(admin, NewJob("echo", {}))[0].id
    (claimed,) = claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    services.jobs.cancel(admin, job_id)
    finish_job(connection, job_id, claimed.attempt, Transition(Status.CANCELLED, "cancelled"))

    def duration() -> int | None:
        return services.views.job(services.jobs.get(admin, job_id)).duration_ms

    assert duration() is not None
    services.jobs.retry(admin, job_id)
    assert duration() is None
    services.jobs.cancel(admin, job_id)
    assert duration() is None


def test_too_large_a_file_is_not_kept(services: Services, admin: Actor) -> None:
    services.files._max_bytes = 4
    for content in (b"four", b"fives"):
        receiver = services.files.receiver()
        receiver.write(content)
        if len(content) == 4:
            services.files.register(admin, receiver, "a")
            continue
        with pytest.raises(TooLarge, match="may have 4 bytes, this one has 5"):
            services.files.register(admin, receiver, "b")
        receiver.close()
    assert len([path for path in services.settings.files_dir.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewJob("nonsense", {}), "type"),
        (NewJob("not-installed", {}), "type"),
        (NewJob("echo", {"userId": "x"}), "data.userId"),
        (NewJob("echo", "text"), "data"),
        (NewJob("steps", {"steps": 0}), "data.steps"),
        (NewJob("make-file", {"source": str(UUID(int=7))}), "data.source"),
        (NewJob("echo", {}, max_attempts=0), "maxAttempts"),
        (NewJob("echo", {}, run_at=datetime(2030, 1, 1)), "runAt"),  # noqa: DTZ001 - the fault under test
        (NewJob("echo", {}, run_at=datetime.fromisoformat("9999-12-31T23:59:59-14:00")), "runAt"),
        (NewJob("echo", {}, run_at=datetime.fromisoformat("0001-01-01T00:00:00+14:00")), "runAt"),
        (NewJob("echo", {}, run_at=datetime.now(UTC) + timedelta(days=3700)), "runAt"),
        (NewJob("echo", {"text": "a\0b"}), "data.text"),
        (NewJob("echo", {"text": "\ud800"}), "data.text"),
        (NewJob("echo", {"\0": 1}), "data"),
        (NewJob("steps", {"seconds": float("nan")}), "data.seconds"),
        (NewJob("steps", {"seconds": "nan"}), "data.seconds"),
        (NewJob("echo", {"text": nested(100)}), "data"),
        (NewJob("echo", {}, name="a\0b"), "name"),
        (NewJob("echo", {}, name="n" * 201), "name"),
        (NewJob("echo", {}, description="\udfff"), "description"),
        (NewJob("echo", {}, description="d" * 2001), "description"),
        (NewJob("echo", {}, priority=2**31), "priority"),
        (NewJob("echo", {}, priority=-(2**31)), "priority"),
    ],
)
def test_refused_input_names_the_field_and_writes_nothing(
    services: Services, admin: Actor, new: NewJob, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create(admin, new)
    assert [error.field for error in caught.value.errors] == [field]
    assert services.jobs.page(admin, JobFilter())[0] == []


def test_pages_go_through_all_jobs_once(services: Services, admin: Actor) -> None:
    ids = [services.jobs.create(admin, NewJob("echo", {}))[0].id for _ in range(5)]
    seen: list[UUID] = []
    before = None
    while True:
        jobs, before = services.jobs.page(admin, JobFilter(), before=before, limit=2)
        seen += [job.id for job in jobs]
        if before is None:
            break
    assert seen == ids[::-1]


def test_filters(services: Services, admin: Actor, member: Actor) -> None:
    mine, _ = services.jobs.create(admin, NewJob("echo", {}, name="Invoices 100%"))
    other, _ = services.jobs.create(member, NewJob("steps", {}, description="nightly"))
    services.jobs.cancel(admin, mine.id)

    def found(**wanted: Any) -> list[UUID]:
        return [job.id for job in services.jobs.page(admin, JobFilter(**wanted))[0]]

    assert found(status="cancelled") == [mine.id]
    assert found(type="steps") == found(queue="steps") == found(user_id=member.user_id) == [other.id]
    assert found(text="invoices") == found(text="100%") == [mine.id]
    assert found(text="NIGHTLY") == [other.id]
    assert found(text="1%0") == []


def test_cancel_pending_is_at_once_and_only_once(services: Services, admin: Actor) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    cancelled = services.jobs.cancel(admin, job.id, reason="not needed")
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "not needed")
    with pytest.raises(Conflict):
        services.jobs.cancel(admin, job.id)
    back = services.jobs.retry(admin, job.id)
    assert (back.status, back.cancel_requested_at, back.cancel_reason) == ("pending", None, None)
    with pytest.raises(Conflict):
        services.jobs.retry(admin, job.id)


def test_waiting_for_says_why(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> None:
    services_hints = services.jobs._hints
    later, _ = services.jobs.create(admin, NewJob("echo", {}, run_at=datetime.now(UTC) + timedelta(hours=1)))
    jobs = [services.jobs.create(admin, NewJob("echo", {}))[0] for _ in range(2)]
    urgent, _ = services.jobs.create(admin, NewJob("echo", {}, priority=1))
    services_hints.announce("w", ["echo"])

    def reason(job_id: UUID) -> tuple[str, int | None]:
        waiting = services.views.job(services.jobs.get(admin, job_id)).waiting_for
        assert waiting is not None
        return waiting.code, waiting.place

    assert reason(later.id) == ("start-time", None)
    assert [reason(job.id) for job in (urgent, *jobs)] == [("worker", 1), ("worker", 2), ("worker", 3)]
    claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    assert services.views.job(services.jobs.get(admin, urgent.id)).waiting_for is None


def test_a_page_of_views_costs_the_same_for_any_number_of_jobs(services: Services, admin: Actor) -> None:
    from sqlalchemy import event

    def statements(number: int) -> int:
        for _ in range(number):
            services.jobs.create(admin, NewJob("echo", {}))
        seen: list[str] = []
        count = lambda *arguments: seen.append(arguments[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", count)
        services.views.jobs(services.jobs.page(admin, JobFilter(), limit=100)[0])
        event.remove(db.engine, "before_cursor_execute", count)
        return len([one for one in seen if "set_config" not in one])

    assert statements(2) == statements(20) <= 2


def test_a_fault_of_the_whole_model_is_shown_at_its_field(services: Services, admin: Actor) -> None:
    receiver = services.files.receiver()
    receiver.write(b"a\n1\n")
    source = services.files.register(admin, receiver, "orders.csv").id
    data = {"source": str(source), "targetFormat": "jsonl", "maxBadRows": 3}
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create(admin, NewJob("data-conversion", data))
    assert [error.field for error in caught.value.errors] == ["data.maxBadRows"]
    job, _ = services.jobs.create(admin, NewJob("data-conversion", {**data, "maxBadRows": None}))
    assert job.name == "orders.csv to JSON Lines"
