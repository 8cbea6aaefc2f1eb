"""Jobs that wait or run for long are told of, once for each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store import notifications
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, said

Rows = Callable[[str], list[Any]]


def test_a_job_that_waits_long_is_told_once(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, connection: psycopg.Connection[Any]
) -> None:
    post.webhook(member, endpoint.url, events=("waiting-long",), waiting_seconds=600)
    job = services.jobs.create(member, NewJob("echo", {}))[0]
    services.jobs.create(member, NewJob("measure", {}, run_at=post.now() + timedelta(days=1)))
    look(post)
    assert post.send() == 0
    # Both as if everything had been made ten minutes ago.
    connection.execute(
        "UPDATE notification_rules SET created_at = created_at - interval '11 minutes', waiting_at = NULL"
    )
    connection.execute("UPDATE job_queue SET run_at = run_at - interval '11 minutes'")
    for _ in range(3):
        look(post)
    assert post.send() == 1
    [told] = said(endpoint)
    assert (told["type"], told["data"]["id"]) == ("job.waiting-long", str(job.id))


def test_a_job_that_waits_long_again_is_told_again(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, connection: psycopg.Connection[Any]
) -> None:
    """After a retry by hand, and handed back by a worker that was stopped: its time is that of long ago."""
    post.webhook(member, endpoint.url, events=("waiting-long",), waiting_seconds=600)
    job_id = post.end(member, "fail")
    services.jobs.retry(member, job_id)
    pass_by(connection, minutes=11)
    look(post)
    assert post.drain("fail") == 1
    services.jobs.retry(member, job_id)
    for _ in range(2):
        look(post)
    assert post.send() == 1, "the second time it has not waited for long yet"
    pass_by(connection, minutes=11)
    look(post)
    assert post.send() == 1
    connection.execute("UPDATE job_attempts SET ended_at = now() WHERE number = 2")
    look(post)
    assert post.send() == 0, "it is back just now"
    pass_by(connection, minutes=11)
    for _ in range(2):
        look(post)
    assert post.send() == 1
    assert [one["data"]["id"] for one in said(endpoint)] == [str(job_id)] * 3


def test_a_job_that_is_let_in_late_is_told(
    post: Post,
    services: Services,
    member: Actor,
    endpoint: Endpoint,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the keeper was away its time has passed, and where it was last looked for others lies behind it."""
    monkeypatch.setattr(notifications, "LONG_AT_ONCE", 2)
    post.webhook(member, endpoint.url, events=("waiting-long",), waiting_seconds=600)
    late = services.jobs.create(member, NewJob("echo", {}, run_at=post.now() + timedelta(hours=1)))[0]
    others = [services.jobs.create(member, NewJob("echo", {}))[0].id for _ in range(3)]
    # Something holds it up, as a keeper that is away.
    connection.execute("UPDATE job_queue SET blockers = 1 WHERE job_id = %s", [late.id])
    pass_by(connection, minutes=90)
    for _ in range(3):
        look(post)
    assert post.send() == 3
    connection.execute("UPDATE job_queue SET blockers = 0, due = true")
    for _ in range(3):
        look(post)
    assert post.send() == 1
    assert [one["data"]["id"] for one in said(endpoint)] == [*map(str, others), str(late.id)]


def pass_by(connection: psycopg.Connection[Any], *, minutes: int) -> None:
    """As if everything had happened so much earlier."""
    for table, columns in {
        "notification_rules": ("created_at", "waiting_at"),
        "job_queue": ("run_at",),
        "job_attempts": ("started_at", "ended_at"),
    }.items():
        said = ", ".join(f"{one} = {one} - interval '{minutes} minutes'" for one in columns)
        connection.execute(f"UPDATE {table} SET {said}")  # type: ignore[arg-type]


def test_a_job_that_runs_long_is_told_once(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, connection: psycopg.Connection[Any]
) -> None:
    post.webhook(member, endpoint.url, events=("running-long",), running_seconds=3600)
    job = services.jobs.create(member, NewJob("echo", {}))[0]
    connection.execute("DELETE FROM job_queue")
    connection.execute(
        "UPDATE jobs SET status = 'active', worker = 'w', attempts = 1, started_at = now() - interval '59 minutes'"
    )
    connection.execute("INSERT INTO worker_leases VALUES ('w', now() + interval '1 hour', ARRAY[%s]::uuid[])", [job.id])
    look(post)
    assert post.send() == 0
    connection.execute("UPDATE jobs SET started_at = now() - interval '61 minutes'")
    for _ in range(3):
        look(post)
    assert post.send() == 1
    assert said(endpoint)[0]["type"] == "job.running-long"


def look(post: Post) -> None:
    post.connection.execute("UPDATE notification_rules SET looked_at = '2020-01-01'")
    post.tick()
