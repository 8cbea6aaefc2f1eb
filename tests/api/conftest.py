"""Callers of the API, each with a token, and hands that move a job as a worker would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.test import TestResponse

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.services import Services
from jobsapp.store import jobs as store
from jobsapp.store import turns

Answer = TestResponse


class Caller:
    """Calls the API as a program does. Each call has a context of its own, as on a server."""

    def __init__(self, client: FlaskClient, token: str = "") -> None:
        self.client = client
        self.token = token

    def __call__(self, method: str, path: str, **how: Any) -> Answer:
        headers = dict(how.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return Context().run(lambda: self.client.open(path, method=method, headers=headers, buffered=True, **how))

    def create(self, job_type: str = "echo", data: Any = None, **more: Any) -> dict[str, Any]:
        answer = self("POST", "/api/jobs", json={"type": job_type, "data": data or {}, **more})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.get_json()
        return created

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self("GET", f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def caller(app: OpenAPI, services: Services) -> Callable[[Actor | None], Caller]:
    def make(actor: Actor | None) -> Caller:
        token = services.identity.create_token(actor.email, "tests") if actor else ""
        return Caller(app.test_client(), token)

    return make


@pytest.fixture
def as_admin(caller: Callable[[Actor | None], Caller], admin: Actor) -> Caller:
    return caller(admin)


@pytest.fixture
def as_member(caller: Callable[[Actor | None], Caller], member: Actor) -> Caller:
    return caller(member)


@pytest.fixture
def as_stranger(caller: Callable[[Actor | None], Caller], stranger: Actor) -> Caller:
    return caller(stranger)


@pytest.fixture
def as_nobody(caller: Callable[[Actor | None], Caller]) -> Caller:
    return caller(None)


class Hand:
    """Moves jobs by hand, with the statements that a worker uses."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def claim(self, queue: str = "echo") -> store.ClaimedJob:
        (job,) = turns.claim_jobs(self.connection, queue, worker="tests", lease_seconds=60)
        return job

    def pulse(self, job: store.ClaimedJob, current: float | None, total: float | None, message: str = "") -> None:
        pulse = store.Pulse(current, total, message, changed=True)
        assert store.pulse_job(self.connection, job.id, job.attempt, pulse, lease_seconds=60)

    def log(self, job: store.ClaimedJob, *lines: store.LogLine) -> None:
        pulse = store.Pulse(None, None, None, changed=True, lines=lines)
        assert store.pulse_job(self.connection, job.id, job.attempt, pulse, lease_seconds=60)

    def finish(self, job: store.ClaimedJob, transition: Transition) -> None:
        assert turns.finish_job(self.connection, job.id, job.attempt, transition)

    def age(self, job_id: str | UUID, days: int) -> None:
        """Let a finished job have finished days ago."""
        self.connection.execute(
            """UPDATE jobs SET completed_at = completed_at - make_interval(days => %(days)s),
               failed_at = failed_at - make_interval(days => %(days)s),
               cancelled_at = cancelled_at - make_interval(days => %(days)s) WHERE id = %(id)s""",
            {"id": job_id, "days": days},
        )


@pytest.fixture
def hand(settings: Settings) -> Iterator[Hand]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield Hand(connection)
