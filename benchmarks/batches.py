"""What a batch costs: its jobs created and drained, beside the same jobs without one.

`python -m benchmarks.batches [--jobs 100000]` prints what a batch of that size takes by itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from flask_openapi3 import OpenAPI

from benchmarks import ours
from benchmarks.stage import Result, servers, until, value
from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.runtime.advancer import AdvancerThread
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.services.batches import MOST_JOBS, NewBatch
from jobsapp.services.bulk import MAX_JOBS
from jobsapp.services.jobs import NewJob

ENDED = "SELECT count(*) FROM batches WHERE ended_at IS NULL"


def batch_cost(settings: Settings, jobs: int = 20_000) -> Result:
    """Jobs per second created in one call each, and drained by the pool with the advancer running, until the batch has
    ended; the same without a batch. Plain jobs are measured before and after, and the better counts."""
    found = {"plain": [0.0, 0.0], "batch": [0.0, 0.0]}
    for kind in ("plain", "batch", "plain"):
        with ours.empty_table(settings) as connection:
            rates = _measure(settings, connection, jobs, batched=kind == "batch")
        found[kind] = [max(pair) for pair in zip(found[kind], rates, strict=True)]
    plain, batch = found["plain"], found["batch"]
    return {
        "name": "a batch: created, drained and ended",
        "value": round(batch[1]),
        "unit": "jobs/s",
        "peers": {"created": round(batch[0]), "plain jobs": round(plain[1]), "plain created": round(plain[0])},
        "ratios": {"plain jobs": round(batch[1] / plain[1], 2), "plain created": round(batch[0] / plain[0], 2)},
    }


def _measure(
    settings: Settings, connection: psycopg.Connection[Any], jobs: int, *, batched: bool
) -> tuple[float, float]:
    """Jobs per second created, and drained."""
    connection.execute("TRUNCATE batches, job_outbox")
    with _advancing(settings):
        begin = time.perf_counter()
        create(settings, jobs, batched=batched)
        created = jobs / (time.perf_counter() - begin)
        connection.execute("ANALYZE jobs, job_queue")
        span = ours.run(settings, connection, "empty", jobs)
        until(lambda: not value(connection, ENDED), seconds=60, pause=0.01)
        if batched:
            # What was added up after the last job ended counts too.
            late = (
                "SELECT extract(epoch FROM max(ended_at) - (SELECT max(completed_at) FROM jobs))::float8 FROM batches"
            )
            span += max(0.0, value(connection, late))
    return created, jobs / span


def create(settings: Settings, jobs: int, *, batched: bool) -> None:
    """Through the use cases, as many in a call as one takes."""
    app: OpenAPI = create_app(settings)
    with app.app_context():
        services: Services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        parts = [[NewJob("empty", {})] * min(MAX_JOBS, jobs - begin) for begin in range(0, jobs, MAX_JOBS)]
        if batched:
            _create_batch(services, actor, parts)
        else:
            for part in parts:
                services.jobs.create_many(actor, part)


def _create_batch(services: Services, actor: Actor, parts: list[list[NewJob]]) -> None:
    batch = services.batches.create(actor, NewBatch(closed=False), parts[0])
    for part in parts[1:]:
        services.batches.add(actor, batch.id, part)
    services.batches.close(actor, batch.id)


@contextmanager
def _advancing(settings: Settings) -> Iterator[None]:
    advancer = AdvancerThread(build_house(settings))
    advancer.start()
    try:
        yield
    finally:
        advancer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batches", description=__doc__)
    parser.add_argument("--jobs", type=int, default=MOST_JOBS)
    jobs = parser.parse_args().jobs
    with servers() as settings, ours.empty_table(settings) as connection:
        created, drained = _measure(settings, connection, jobs, batched=True)
        print(f"{jobs:,} jobs: created in {jobs / created:.1f} s, drained and ended in {jobs / drained:.1f} s")
        app: OpenAPI = create_app(settings)
        with app.app_context():
            services: Services = app.extensions["jobsapp"]
            actor = services.identity.get_actor(services.identity.bootstrap().id)
            batch_id = services.batches.newest(actor, before=None, limit=1)[0]
            begin = time.perf_counter()
            file, _ = services.batch_results.collect(actor, batch_id)
            print(f"results collected in {time.perf_counter() - begin:.1f} s: {file.size:,} bytes")
            begin = time.perf_counter()
            services.batch_views.get(actor, batch_id)
            print(f"read in {(time.perf_counter() - begin) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
