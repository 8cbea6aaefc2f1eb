"""Jobs that wait for others: how fast they are released, a fan-out with its fan-in, and what it costs the others.

Everything runs on the same servers in the same run, as in `benchmarks/engine.py`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import redis
from flask_openapi3 import OpenAPI
from rq.job import Dependency, Job

from benchmarks import ours
from benchmarks.peer_functions import TALLY
from benchmarks.peers import celery, rq
from benchmarks.peers.peer import REDIS
from benchmarks.stage import Result, processes, servers, until, value
from jobsapp import create_app
from jobsapp.config import Settings, variable
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import build_house
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services.jobs import NewJob

JOBS = 10_000
FEW = 500
"""RQ looks at all dependencies of a job whenever one of them ends: with 10,000 that is a hundred million looks."""
EMPTY_JOBS = 20_000
ROUNDS = 3


def measure(jobs: int = JOBS, few: int = FEW, empty_jobs: int = EMPTY_JOBS, rounds: int = ROUNDS) -> list[Result]:
    with servers() as settings:
        return [
            released(settings, jobs),
            fanned(settings, few, {"Celery chain and chord": _fan_celery, "RQ depends_on": _fan_rq}),
            fanned(settings, jobs, {"Celery chain and chord": _fan_celery}),
            trigger_cost(settings, empty_jobs, rounds),
        ]


def released(settings: Settings, jobs: int) -> Result:
    """Jobs that wait for one, by the second from when it is told to have ended until all of them may run.

    Of RQ the method that its worker calls when a job has ended, with the same number of jobs that depend on it.
    """
    with ours.empty_table(settings) as connection:
        _graph(create_app(settings), [NewJob("empty", {}, ref="a"), *_after("a", jobs)])
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM job_queue WHERE blockers = 0")
        connection.execute("UPDATE jobs SET status = 'completed', completed_at = now() WHERE followed")
        with open_use_cases(build_house(settings), "benchmark") as (services, session):
            advancer = Advancer(session, *followers_of(services))
            begin = time.perf_counter()
            while not _is_released(connection, jobs):
                advancer.advance()
            mine = jobs / (time.perf_counter() - begin)
    redis.Redis.from_url(settings.redis_url).flushdb()
    queue = rq.queue(settings)
    first: Job = queue.enqueue("benchmarks.peer_functions.empty")
    for _ in range(jobs):
        queue.enqueue("benchmarks.peer_functions.empty", depends_on=first)
    first.set_status("finished")
    begin = time.perf_counter()
    queue.enqueue_dependents(first)
    theirs = jobs / (time.perf_counter() - begin)
    return _faster(f"release of {jobs:,} that wait for one job", "jobs/s", mine, {"RQ enqueue_dependents": theirs})


def fanned(settings: Settings, jobs: int, peers: dict[str, Callable[[Settings, int], float]]) -> Result:
    """Seconds for one job, then so many, then one: from before they are created until the last has run."""
    mine = _fan_ours(settings, jobs)
    theirs = {name: fan(settings, jobs) for name, fan in peers.items()}
    again = _fan_ours(settings, jobs)
    return {
        "name": f"fan-out and fan-in of {jobs:,}",
        "value": round(min(mine, again), 2),
        "unit": "s",
        "peers": {name: round(other, 2) for name, other in theirs.items()},
        "ratios": {name: round(min(mine, again) / other, 2) for name, other in theirs.items()},
    }


def trigger_cost(settings: Settings, jobs: int, rounds: int) -> Result:
    """Empty jobs that nobody follows, drained by a worker: with the trigger of the outbox and without, in turn."""
    speeds: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    for _ in range(rounds):
        for way, found in speeds.items():
            with ours.empty_table(settings) as connection:
                connection.execute(f"ALTER TABLE jobs {way} TRIGGER tell_updated")
                try:
                    found.append(jobs / ours.drain(settings, connection, "empty", jobs))
                finally:
                    connection.execute("ALTER TABLE jobs ENABLE TRIGGER tell_updated")
    name = "empty jobs that nobody follows"
    return _faster(
        name,
        "jobs/s",
        max(speeds["ENABLE"]),
        {"without the outbox": max(speeds["DISABLE"])},
    )


def _faster(name: str, unit: str, mine: float, theirs: dict[str, float]) -> Result:
    return {
        "name": name,
        "value": round(mine),
        "unit": unit,
        "peers": {peer: round(other) for peer, other in theirs.items()},
        "ratios": {peer: round(mine / other, 2) for peer, other in theirs.items()},
    }


def _after(ref: str, jobs: int) -> list[NewJob]:
    return [NewJob("empty", {}, ref=f"{ref}{n}", depends_on=(ref,)) for n in range(jobs)]


def _graph(app: OpenAPI, jobs: list[NewJob]) -> list[Any]:
    """Create them in calls of as many as one may have; refs of earlier calls become ids."""
    known: dict[str, Any] = {}
    with app.app_context():
        services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        for start in range(0, len(jobs), JOBS):
            piece = jobs[start : start + JOBS]
            named = [_with_ids(new, known) for new in piece]
            ids, _ = services.jobs.create_many(actor, named)
            known |= {new.ref: job_id for new, job_id in zip(piece, ids, strict=True) if new.ref}
    return list(known.values())


def _with_ids(new: NewJob, known: dict[str, Any]) -> NewJob:
    return replace(new, depends_on=tuple(known.get(str(one), one) for one in new.depends_on or ()) or None)


def _is_released(connection: psycopg.Connection[Any], jobs: int) -> bool:
    return bool(value(connection, "SELECT count(*) = %s FROM job_queue WHERE due", jobs))


@contextmanager
def _keeper(settings: Settings) -> Iterator[None]:
    given = {variable(name): str(one) for name, one in settings.model_dump().items() if one != ""}
    with processes([[sys.executable, "-m", "flask", "--app", "app", "keeper"]], given):
        yield


def _fan_ours(settings: Settings, jobs: int) -> float:
    middle = _after("a", jobs)
    last = NewJob("empty", {}, depends_on=tuple(str(new.ref) for new in middle), name="last")
    with ours.empty_table(settings) as connection, ours.worker(settings), _keeper(settings):
        # Until the keeper leads.
        until(lambda: value(connection, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"))
        app = create_app(settings)
        # A first one, as for the peers: connections, plans and processes are there.
        _graph(app, [NewJob("empty", {}, ref="a"), *_after("a", 1), replace(last, depends_on=("a0",), name="first")])
        done = "SELECT EXISTS (SELECT FROM jobs WHERE name = %s AND status = 'completed')"
        until(lambda: value(connection, done, "first"))
        begin = time.perf_counter()
        _graph(app, [NewJob("empty", {}, ref="a"), *middle, last])
        until(lambda: value(connection, done, "last"), seconds=300)
        took = time.perf_counter() - begin
    print(f"jobsapp: {jobs:,} in {took:.2f} s")
    return took


def _fan_celery(settings: Settings, jobs: int) -> float:
    return _fan_peer(settings, jobs, [celery.COMMAND], celery.fan)


def _fan_rq(settings: Settings, jobs: int) -> float:
    def fan(settings: Settings, jobs: int) -> None:
        queue, task = rq.queue(settings), "benchmarks.peer_functions.empty"
        first = queue.enqueue(task)
        middle = [queue.enqueue(task, depends_on=first) for _ in range(jobs)]
        queue.enqueue(task, depends_on=Dependency(jobs=middle))

    return _fan_peer(settings, jobs, rq.PEERS[1].ways["no fork"], fan)


def _fan_peer(settings: Settings, jobs: int, commands: Any, fan: Callable[[Settings, int], None]) -> float:
    redis.Redis.from_url(settings.redis_url).flushdb()
    with tempfile.NamedTemporaryFile() as tally:
        environment = {REDIS: settings.redis_url, TALLY: tally.name}
        with processes(commands, environment) as check:
            # A first one tells that they are there.
            fan(settings, 1)
            file = Path(tally.name)
            until(lambda: file.stat().st_size >= 8 * 3, check=check)
            begin = time.perf_counter()
            fan(settings, jobs)
            until(lambda: file.stat().st_size >= 8 * (jobs + 5), seconds=120 + jobs / 10, check=check)
            took = time.perf_counter() - begin
    print(f"{commands[0][2]}: {jobs:,} in {took:.2f} s")
    return took
