"""`flask workers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from click.testing import Result
from flask import Flask

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import Report, Roster
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.turns import claim_jobs

Run = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(args=arguments)


def test_workers(
    flask: Run, services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    assert flask("workers", "list").output == "No worker runs. Start one: flask worker\n"
    roster = Roster(redis_connection.hints(settings.redis_url))
    told = {"host": "h", "queues": ["echo"], "age_seconds": 5, "memory_bytes": 60_000_000, "horse_bytes": 40_000_000}
    roster.report([Report(name="w", pid=7, **told)])
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    heading, line = flask("workers", "list").output.splitlines()
    assert heading.split() == ["WORKER", "HOST", "STATE", "SINCE", "MEMORY", "DOES"]
    assert line.split()[:3] == ["w", "h", "busy"]
    assert line.split()[-4:] == ["100", "MB", "echo", str(job.id)]
    assert '"state":"busy"' in flask("workers", "list", "--json").output

    with redis.Redis.from_url(settings.redis_url).pubsub() as worker:
        worker.subscribe("rq:pubsub:w")
        assert worker.get_message(timeout=5)
        assert flask("workers", "stop", "w").output == "stopping\n"
    roster.report([Report(name="w", pid=0, **told)])
    assert flask("workers", "start", "w").output == "starting\n"
    refused = flask("workers", "stop", "nobody")
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    assert "There is no worker nobody" in refused.output


def test_without_redis_it_says_so(flask: Run, services: Services) -> None:
    services.workers._roster = Roster(redis_connection.looks("redis://127.0.0.1:1"))
    assert flask("workers", "list").output.startswith("Redis does not answer: only workers that have jobs are known.")
