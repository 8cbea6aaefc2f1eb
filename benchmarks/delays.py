"""How long a job waits before it starts, on an idle system."""

from __future__ import annotations

import statistics
import time

import psycopg
from rq.job import Job

from benchmarks import ours
from benchmarks.peers import rq
from benchmarks.stage import Result, p99, until, value
from jobsapp import create_app
from jobsapp.bus.after_commit import after_commit
from jobsapp.config import Settings
from jobsapp.extensions import db
from jobsapp.services.jobs import NewJob

# Long enough that the worker is asleep again when the next job comes.
PAUSE_SECONDS = 0.05


def delay(settings: Settings, jobs: int) -> list[Result]:
    """Milliseconds from the commit of a job to the first line of its processor: the median and the 99th percentile."""
    with ours.worker(settings):
        mine = _delays_ours(settings, jobs)
    with rq.workers(settings):
        theirs = _delays_rq(settings, jobs)
    return [
        _result("p50", statistics.median(mine), statistics.median(theirs)),
        _result("p99", p99(mine), p99(theirs)),
    ]


def _result(which: str, mine: float, theirs: float) -> Result:
    return {
        "name": f"commit to start, {which}",
        "value": round(mine, 1),
        "unit": "ms",
        "peers": {"RQ Worker": round(theirs, 1)},
        "ratios": {"RQ Worker": round(mine / theirs, 2)},
    }


def _delays_ours(settings: Settings, jobs: int) -> list[float]:
    app = create_app(settings)
    found = []
    with app.app_context(), psycopg.connect(settings.database_url, autocommit=True) as connection:
        services = app.extensions["jobsapp"]
        commits: list[float] = []
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        for _ in range(jobs):
            # As at the end of a request.
            db.session.remove()
            after_commit(db.session(), lambda: commits.append(time.time()))
            job, _ = services.jobs.create(actor, NewJob("clock", {}))
            done = "SELECT status = 'completed' FROM jobs WHERE id = %s"
            until(lambda done=done, job=job: value(connection, done, job.id))
            started = value(connection, "SELECT result FROM jobs WHERE id = %s", job.id)
            found.append((started - commits[-1]) * 1000)
            time.sleep(PAUSE_SECONDS)
    return found


def _delays_rq(settings: Settings, jobs: int) -> list[float]:
    queue = rq.queue(settings)
    found = []
    for _ in range(jobs):
        begin = time.time()
        job: Job = queue.enqueue("benchmarks.peer_functions.clock")
        until(lambda job=job: job.return_value(refresh=True) is not None)
        found.append((job.return_value() - begin) * 1000)
        time.sleep(PAUSE_SECONDS)
    return found
