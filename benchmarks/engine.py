"""The engine: empty jobs per second, the delay from commit to start, and what a call of progress costs."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from benchmarks import processors
from jobsapp import create_app
from jobsapp.config import Settings, variable
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.extensions import db
from jobsapp.runtime.context import JobContext
from jobsapp.services.jobs import NewJob
from jobsapp.store import schema
from jobsapp.store.jobs import ClaimedJob

ROOT = Path(__file__).parent.parent
WORKERS = 2
Result = dict[str, Any]


def measure(jobs: int = 2000, peer_jobs: int = 300, delays: int = 60) -> list[Result]:
    """Both engines on the same servers in the same run, PostgreSQL and Valkey with their default durability."""
    with servers() as settings:
        return [drained(settings, jobs, peer_jobs), delay(settings, delays), progress_cost()]


def drained(settings: Settings, jobs: int, peer_jobs: int) -> Result:
    """Empty jobs per second with WORKERS workers: created first, timed from the workers' first to the last job."""
    ours = _drain_ours(settings, jobs)
    rq = _drain_rq(settings, peer_jobs)
    return {
        "name": "empty jobs drained",
        "value": round(ours),
        "unit": f"jobs/s, {WORKERS} workers",
        "peers": {"RQ Worker": round(rq)},
        "ratios": {"RQ Worker": round(ours / rq, 2)},
    }


def delay(settings: Settings, jobs: int) -> Result:
    """Milliseconds from the commit of a job to the first line of its processor, on an idle system."""
    with worker(settings):
        ours = _delays_ours(settings, jobs)
    with rq_worker(settings):
        rq = _delays_rq(settings, jobs)
    return {
        "name": "commit to start, p50",
        "value": round(statistics.median(ours), 1),
        "unit": "ms",
        "p95": round(statistics.quantiles(ours, n=20)[-1], 1),
        "peers": {"RQ Worker": round(statistics.median(rq), 1)},
        "ratios": {"RQ Worker": round(statistics.median(ours) / statistics.median(rq), 2)},
    }


def progress_cost(calls: int = 1_000_000) -> Result:
    """Nanoseconds for one `context.progress(n, total, message)` in a tight loop."""
    job = ClaimedJob(UUID(int=1), UUID(int=2), None, "empty", "empty", {}, None, 1, 1, 1, 1)
    context = JobContext(job, make_workdir=Path, find_file=lambda _: None, threads=1)
    took = _timed(lambda: [context.progress(n, calls, "Working") for n in range(calls)])
    nothing = _timed(lambda: [str.upper("Working") for _ in range(calls)])
    return {
        "name": "one call of progress",
        "value": round(took / calls * 1e9),
        "unit": "ns",
        "peers": {"str.upper()": round(nothing / calls * 1e9)},
        "ratios": {"str.upper()": round(took / nothing, 1)},
    }


@contextmanager
def servers() -> Iterator[Settings]:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "pg") as postgres,
        EmbeddedValkey(Path(folder) / "valkey") as valkey,
    ):
        settings = Settings(
            data_dir=Path(folder),
            database_url=postgres.url,
            redis_url=valkey.url,
            processors=processors.__name__,
            secret_key="for the benchmark",
        )
        schema.upgrade(settings.sqlalchemy_url)
        yield settings


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """A pool of ours, ready to work."""
    given = {variable(name): str(value) for name, value in settings.model_dump().items() if value != ""}
    command = [sys.executable, "-m", "flask", "--app", "app", "worker", "--concurrency", str(WORKERS)]
    with _process(command, given):
        client = redis.Redis.from_url(settings.redis_url)
        _until(lambda: client.scard("rq:workers") == WORKERS)
        yield


@contextmanager
def rq_worker(settings: Settings) -> Iterator[None]:
    """RQ's own workers on the queue `peer`."""
    serializer = "rq.serializers.JSONSerializer"
    command = [sys.executable, "-m", "rq.cli", "worker", "-u", settings.redis_url, "-S", serializer, "-q", "peer"]
    with _process(command, {}), _process(command, {}):
        client = redis.Redis.from_url(settings.redis_url)
        _until(lambda: client.scard("rq:workers:peer") == WORKERS)
        yield


def _drain_ours(settings: Settings, jobs: int) -> float:
    app = create_app(settings)
    with app.app_context(), psycopg.connect(settings.database_url, autocommit=True) as connection:
        services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        services.jobs.create(actor, NewJob("empty", {}))
        columns = "organization_id, user_id, type, queue, name, data, max_attempts, allowance"
        connection.execute(
            f"INSERT INTO jobs (id, {columns}) SELECT gen_random_uuid(), {columns} FROM jobs, generate_series(1, %s)",
            [jobs - 1],
        )
        with worker(settings):
            for _ in range(WORKERS):
                services_hints(app).wake("empty")
            done = "SELECT count(*) FROM jobs WHERE type = 'empty' AND status = 'completed'"
            _until(lambda: _value(connection, done) == jobs)
        span = "SELECT extract(epoch FROM max(completed_at) - min(started_at)) FROM jobs WHERE type = 'empty'"
        return jobs / float(_value(connection, span))


def services_hints(app: Any) -> Any:
    return app.extensions["jobsapp"].jobs._hints


def _drain_rq(settings: Settings, jobs: int) -> float:
    client = redis.Redis.from_url(settings.redis_url)
    queue = Queue("peer", connection=client, serializer=JSONSerializer)
    queue.enqueue_many([Queue.prepare_data("benchmarks.peer_functions.empty") for _ in range(jobs)])
    with rq_worker(settings):
        _until(lambda: len(queue) < jobs)
        begin, left = time.perf_counter(), len(queue)
        _until(lambda: queue.finished_job_registry.count == jobs)
        return left / (time.perf_counter() - begin)


def _delays_ours(settings: Settings, jobs: int) -> list[float]:
    app = create_app(settings)
    found = []
    with app.app_context(), psycopg.connect(settings.database_url, autocommit=True) as connection:
        services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        for _ in range(jobs):
            # As at the end of a request: otherwise `created_at` is the begin of the last read.
            db.session.remove()
            job, _ = services.jobs.create(actor, NewJob("clock", {}))
            committed = _value(connection, "SELECT extract(epoch FROM created_at) FROM jobs WHERE id = %s", job.id)
            done = "SELECT status = 'completed' FROM jobs WHERE id = %s"
            _until(lambda done=done, job=job: _value(connection, done, job.id))
            started = _value(connection, "SELECT result FROM jobs WHERE id = %s", job.id)
            found.append((started - float(committed)) * 1000)
            time.sleep(0.05)
    return found


def _delays_rq(settings: Settings, jobs: int) -> list[float]:
    client = redis.Redis.from_url(settings.redis_url)
    queue = Queue("peer", connection=client, serializer=JSONSerializer)
    found = []
    for _ in range(jobs):
        begin = time.time()
        job: Job = queue.enqueue("benchmarks.peer_functions.clock")
        _until(lambda job=job: job.return_value(refresh=True) is not None)
        found.append((job.return_value() - begin) * 1000)
        time.sleep(0.05)
    return found


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    merged = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=merged, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _value(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def _until(condition: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark waited in vain")
        time.sleep(0.02)


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
