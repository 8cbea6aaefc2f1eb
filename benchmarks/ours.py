"""Our own side of the engine benchmarks: a pool that works, and queues filled for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import redis

from benchmarks.stage import WORKERS, processes, until, value
from jobsapp import create_app
from jobsapp.config import Settings, variable
from jobsapp.core.ids import new_id
from jobsapp.services.jobs import NewJob
from jobsapp.store.jobs import enqueue

COPIED = "organization_id, user_id, type, queue, name, data, max_attempts, allowance"
LEFT = """
SELECT EXISTS (SELECT FROM job_queue WHERE queue = %s) OR EXISTS (
  SELECT FROM worker_leases, unnest(job_ids) AS held (id) JOIN jobs USING (id) WHERE status = 'active'
)
"""
SPAN = "SELECT extract(epoch FROM max(completed_at) - min(started_at))::float8 FROM jobs WHERE type = %s"


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """A pool of ours, ready to work."""
    given = {variable(name): str(value) for name, value in settings.model_dump().items() if value != ""}
    command = [sys.executable, "-m", "flask", "--app", "app", "worker", "--concurrency", str(WORKERS)]
    redis.Redis.from_url(settings.redis_url).flushdb()
    with processes([command], given) as check:
        client = redis.Redis.from_url(settings.redis_url)
        until(lambda: client.scard("rq:workers") == WORKERS, check=check)
        yield


@contextmanager
def empty_table(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection, and no jobs of an earlier measure: their dead rows would be this one's."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE jobs CASCADE")
        yield connection


def fill(settings: Settings, connection: psycopg.Connection[Any], kind: str, jobs: int) -> None:
    """Put in so many jobs: the first as a user would, the others as copies of it."""
    app = create_app(settings)
    with app.app_context():
        services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        first, _ = services.jobs.create(actor, NewJob(kind, {}))
        # Ids as the product makes them, in the order of time: random ones would spread each claim over the table.
        copies = [new_id() for _ in range(jobs - 1)]
        connection.execute(
            f"""INSERT INTO jobs (id, {COPIED})
            SELECT copy.id, {COPIED} FROM jobs, unnest(%s::uuid[]) AS copy (id) WHERE jobs.id = %s""",
            [copies, first.id],
        )
        enqueue(connection, copies)
    # Statistics as autovacuum would have gathered them.
    connection.execute("ANALYZE jobs, job_queue")


def drain(settings: Settings, connection: psycopg.Connection[Any], kind: str, jobs: int) -> float:
    """Seconds that so many jobs take from the first start to the last end; the queue is filled before."""
    fill(settings, connection, kind, jobs)
    return run(settings, connection, kind, jobs)


def run(settings: Settings, connection: psycopg.Connection[Any], kind: str, jobs: int) -> float:
    """The same for a queue that is full; the times are those in the table."""
    hints = create_app(settings).extensions["jobsapp"].jobs._hints
    with worker(settings):
        for _ in range(WORKERS):
            hints.wake(kind)
        until(lambda: not value(connection, LEFT, kind), seconds=120 + jobs / 100, pause=0.1)
    span: float = value(connection, SPAN, kind)
    return span
