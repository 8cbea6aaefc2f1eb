"""Pausing queues, limits, and what is said to those whose jobs wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from jobsapp.core.actors import Actor
from jobsapp.errors import Forbidden, InvalidInput, NotFound
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.job_times import RetryChanges
from jobsapp.services.jobs import NewJob
from jobsapp.services.limits import NewLimit
from jobsapp.services.queues import QueueView
from jobsapp.services.waiting import WaitingView
from jobsapp.store.turns import claim_jobs

Connection = psycopg.Connection[Any]


def queue(services: Services, actor: Actor, name: str = "echo") -> QueueView:
    return next(view for view in services.queues.all(actor) if view.name == name)


def make(services: Services, actor: Actor, kind: str = "echo") -> UUID:
    return services.jobs.create(actor, NewJob(kind, {}))[0].id


def waiting(services: Services, actor: Actor, job_id: UUID) -> WaitingView:
    found = services.views.job(services.jobs.get(actor, job_id)).waiting_for
    assert found is not None
    return found


def test_all_queues_with_what_waits(services: Services, admin: Actor, connection: Connection) -> None:
    for _ in range(3):
        make(services, admin)
    connection.execute("UPDATE job_queue SET queue = 'of old' WHERE job_id = (SELECT job_id FROM job_queue LIMIT 1)")
    services.jobs._hints.announce("w", ["echo"])
    views = services.queues.all(admin)
    assert [view.name for view in views] == sorted({*services.registry.queues, "of old"})
    echo = queue(services, admin)
    assert (echo.types, echo.depth, echo.depth_is_more, echo.workers, echo.paused) == (["echo"], 2, False, 1, None)
    assert (queue(services, admin, "of old").depth, queue(services, admin, "steps").depth) == (1, 0)
    long_ago = "UPDATE job_queue SET run_at = '2026-01-02T03:04:05Z' WHERE job_id = "
    connection.execute(long_ago + "(SELECT job_id FROM job_queue WHERE queue = 'echo' LIMIT 1)")
    assert queue(services, admin).oldest_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert queue(services, admin, "steps").oldest_at is None


def test_each_other_organisation_sees_its_own_depth(
    services: Services, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    for _ in range(3):
        make(services, admin)
    connection.execute("UPDATE job_queue SET queue = 'of old' WHERE job_id = (SELECT job_id FROM job_queue LIMIT 1)")
    connection.execute("UPDATE job_queue SET run_at = '2026-01-02T03:04:05Z'")
    services.queues.pause(admin, "of old")
    assert [view.name for view in services.queues.all(stranger)] == sorted(services.registry.queues)
    seen = queue(services, stranger)
    assert (seen.depth, seen.depth_is_more, seen.oldest_at) == (0, False, None)
    theirs = make(services, stranger)
    connection.execute("UPDATE job_queue SET run_at = '2026-03-04T05:06:07Z' WHERE job_id = %s", [theirs])
    seen = queue(services, stranger)
    assert (seen.depth, seen.oldest_at) == (1, datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    assert queue(services, admin).depth == 3


def test_how_much_others_use_of_a_limit_is_not_told(services: Services, admin: Actor, stranger: Actor) -> None:
    services.limits.set(admin, "queue", "echo", NewLimit(max_active=3, max_starts=5, period_seconds=60))
    services.limits.set(stranger, "organization", str(stranger.organization_id), NewLimit(max_active=2))
    told = {one.scope: (one.active, one.starts) for one in services.limits.all(stranger)}
    assert told == {"queue": (None, None), "organization": (0, None)}
    assert [(one.active, one.starts) for one in services.limits.all(admin)] == [(0, 0)]


def test_a_paused_queue(
    services: Services, admin: Actor, stranger: Actor, connection: Connection, drain: Callable[[str], int]
) -> None:
    mine, theirs = make(services, admin), make(services, stranger)
    in_a_minute = RetryChanges(60, 1, 60, 0)
    other = services.jobs.create(admin, NewJob("fail", {}, retry=in_a_minute))[0].id
    view = services.queues.pause(admin, "echo", reason="the bank is closed")
    assert view.paused is not None
    assert (view.paused.by, view.paused.reason) == ("admin@localhost", "the bank is closed")
    assert drain("echo") == 0
    assert drain("fail")
    reason = waiting(services, admin, mine)
    assert (reason.code, reason.since) == ("paused-queue", view.paused.at)
    assert reason.text.startswith("The queue echo is paused since 2")
    assert reason.text.endswith(", by admin@localhost: the bank is closed")
    assert waiting(services, stranger, theirs).text.endswith(", by an administrator")
    assert waiting(services, admin, other).code != "paused-queue"
    paused_again = services.queues.pause(admin, "echo", reason="something else")
    assert paused_again.paused == view.paused
    seen = next(one for one in services.queues.all(stranger) if one.name == "echo").paused
    assert seen is not None
    assert (seen.at, seen.by, seen.reason) == (view.paused.at, None, None)
    assert services.queues.resume(admin, "echo").paused is None
    assert drain("echo") == 2


def test_what_runs_goes_on(services: Services, admin: Actor, connection: Connection) -> None:
    make(services, admin)
    (job,) = claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    services.queues.pause(admin, "echo")
    assert services.jobs.get(admin, job.id).status == "active"


def test_resuming_wakes_after_the_commit(services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = redis.Redis.from_url(services.settings.redis_url)
    make(services, admin)
    services.queues.pause(admin, "echo")
    client.delete("rq:queue:echo")

    def refuse() -> None:
        raise RuntimeError("no commit today")

    monkeypatch.setattr(db.session, "commit", refuse)
    with pytest.raises(RuntimeError):
        services.queues.resume(admin, "echo")
    db.session.rollback()
    monkeypatch.undo()
    assert client.llen("rq:queue:echo") == 0
    services.queues.resume(admin, "echo")
    assert client.llen("rq:queue:echo") == 1


def test_those_who_watch_hear_of_it(services: Services, admin: Actor) -> None:
    job_id = make(services, admin)
    with redis.Redis.from_url(services.settings.redis_url).pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("jobsapp:events")
        heard.get_message(timeout=1)
        for act in (services.queues.pause, services.queues.resume):
            act(admin, "echo")
            message = heard.get_message(timeout=1) or heard.get_message(timeout=1)
            assert message is not None
            assert job_id.hex in message["data"].decode().replace("-", "")


@pytest.mark.parametrize("act", ["pause", "resume", "set", "remove"])
def test_for_administrators_only(services: Services, member: Actor, act: str) -> None:
    acts: dict[str, Callable[[], object]] = {
        "pause": lambda: services.queues.pause(member, "echo"),
        "resume": lambda: services.queues.resume(member, "echo"),
        "set": lambda: services.limits.set(member, "queue", "echo", NewLimit(1)),
        "remove": lambda: services.limits.remove(member, "queue", "echo"),
    }
    with pytest.raises(Forbidden):
        acts[act]()


def test_an_unknown_queue(services: Services, admin: Actor) -> None:
    for act in (services.queues.pause, services.queues.resume):
        for name in ("nowhere", "a\0"):
            with pytest.raises(NotFound):
                act(admin, name)
    with pytest.raises(InvalidInput, match="reason"):
        services.queues.pause(admin, "echo", reason="r" * 501)


@pytest.mark.parametrize(
    ("scope", "key", "new", "fields"),
    [
        ("type", "nonsense", NewLimit(1), ["key"]),
        ("queue", "no such name!", NewLimit(1), ["key"]),
        ("queue", "a\0", NewLimit(1), ["key"]),
        ("organization", "nobody", NewLimit(1), ["key"]),
        ("organization", str(UUID(int=7)), NewLimit(1), ["key"]),
        ("user", "me", NewLimit(1), ["scope"]),
        ("queue", "echo", NewLimit(), ["maxActive"]),
        ("queue", "echo", NewLimit(0), ["maxActive"]),
        ("queue", "echo", NewLimit(1_000_001), ["maxActive"]),
        ("queue", "echo", NewLimit(max_starts=5), ["periodSeconds"]),
        ("queue", "echo", NewLimit(1, period_seconds=5), ["maxStarts"]),
        ("queue", "echo", NewLimit(0, 0, 0), ["maxActive", "maxStarts", "periodSeconds"]),
        ("queue", "echo", NewLimit(max_starts=1, period_seconds=float("nan")), ["periodSeconds"]),
        ("queue", "echo", NewLimit(max_starts=1, period_seconds=1e9), ["periodSeconds"]),
    ],
)
def test_a_limit_that_cannot_be(
    services: Services, admin: Actor, scope: str, key: str, new: NewLimit, fields: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.limits.set(admin, scope, key, new)
    assert [error.field for error in caught.value.errors] == fields
    assert services.limits.all(admin) == []


def test_limits_are_set_replaced_and_removed(services: Services, admin: Actor, connection: Connection) -> None:
    make(services, admin)
    claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    services.limits.set(admin, "type", "echo", NewLimit(2))
    view = services.limits.set(admin, "type", "echo", NewLimit(3, 10, 60))
    assert (view.max_active, view.max_starts, view.period_seconds, view.active, view.starts) == (3, 10, 60, 1, 0)
    assert services.limits.all(admin) == queue(services, admin).limits == [view]
    services.limits.remove(admin, "type", "echo")
    assert services.limits.all(admin) == []
    for key in ("echo", "a\0"):
        with pytest.raises(NotFound):
            services.limits.remove(admin, "type", key)


def test_limits_of_other_organisations_are_theirs(services: Services, admin: Actor, stranger: Actor) -> None:
    services.limits.set(admin, "organization", str(admin.organization_id).upper(), NewLimit(1))
    services.limits.set(admin, "organization", "*", NewLimit(2))
    assert [one.key for one in services.limits.all(admin)] == ["*", str(admin.organization_id)]
    assert [one.key for one in services.limits.all(stranger)] == ["*"]
    for act in (
        lambda: services.limits.remove(stranger, "organization", str(admin.organization_id)),
        lambda: services.limits.set(stranger, "organization", str(admin.organization_id), NewLimit(9)),
    ):
        with pytest.raises(InvalidInput, match="there is no organisation"):
            act()


@pytest.mark.parametrize(
    ("scope", "key", "of", "now"),
    [
        ("queue", "echo", "the queue echo", "no place is free"),
        ("type", "echo", "the type echo", "no place is free"),
        ("organization", "*", "the organisation", "2 run now"),
    ],
)
def test_a_limit_is_what_it_waits_for(
    services: Services, admin: Actor, connection: Connection, scope: str, key: str, of: str, now: str
) -> None:
    services.jobs._hints.announce("w", ["echo", "steps"])
    waits, other = [make(services, admin) for _ in range(3)][-1], make(services, admin, "steps")
    services.limits.set(admin, scope, key, NewLimit(2))
    assert waiting(services, admin, waits).code == "worker"
    connection.execute("DELETE FROM limits")
    claim_jobs(connection, "echo", worker="w", lease_seconds=60, limit=2)
    services.limits.set(admin, scope, key, NewLimit(2))
    reason = waiting(services, admin, waits)
    assert (reason.code, reason.place) == ("limit", None)
    assert reason.text == f"At most 2 jobs of {of} may run at once; {now}"
    assert waiting(services, admin, other).code == ("limit" if scope == "organization" else "worker")


def test_the_jobs_of_others_are_neither_counted_nor_seen_in_a_place(
    services: Services, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    """Though they were there first and are more urgent, and a job more of them changes nothing that is told."""
    services.jobs._hints.announce("w", ["echo"])

    def told() -> list[tuple[str, int | None]]:
        return [(reason.text, reason.place) for reason in (waiting(services, stranger, one) for one in mine)]

    make(services, admin)
    mine = [make(services, stranger) for _ in range(3)]
    alone = told()
    assert alone == [
        ("Next in the organisation's line", 1),
        ("Waits for a free worker, at most 1 before it in the organisation's line", 2),
        ("Waits for a free worker, at most 2 before it in the organisation's line", 3),
    ]
    for priority in (0, 1, 5, 9):
        services.jobs.create(admin, NewJob("echo", {}, priority=priority))
    assert told() == alone
    services.jobs.create(stranger, NewJob("echo", {}, priority=7))
    assert [place for _, place in told()] == [2, 3, 4]
    # Nor is it told how many of them run, where a limit holds for everybody.
    claim_jobs(connection, "echo", worker="w", lease_seconds=60, limit=3)
    services.limits.set(admin, "queue", "echo", NewLimit(2))
    assert {text for text, _ in told()} == {"At most 2 jobs of the queue echo may run at once; no place is free"}


def test_a_limit_of_starts_says_until_when(
    services: Services, admin: Actor, drain: Callable[[str], int], connection: Connection
) -> None:
    services.jobs._hints.announce("w", ["echo"])
    services.limits.set(admin, "type", "echo", NewLimit(max_starts=2, period_seconds=600))
    waits = [make(services, admin) for _ in range(3)][-1]
    assert drain("echo") == 2
    reason = waiting(services, admin, waits)
    assert (reason.code, reason.text) == (
        "limit",
        "At most 2 jobs of the type echo may start within 600 s; the next may start",
    )
    row = connection.execute("SELECT min(started_at) + interval '600 s' FROM jobs").fetchone()
    assert row is not None
    assert reason.until is not None
    assert 0 <= (reason.until - row[0]).total_seconds() <= 7
