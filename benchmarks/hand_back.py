"""How soon a job that turns out long gives back what was claimed with it."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import ours
from benchmarks.stage import Result, until, value
from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import build_house
from jobsapp.services.jobs import NewJob

SHORT, LONG_SECONDS = 300, 1.0
ACTIVE = "SELECT count(*) FROM jobs WHERE status = 'active'"


def hand_back(settings: Settings, rounds: int = 10) -> Result:
    """Milliseconds from the first line of a long job among short ones until its work-horse holds no other job."""
    with ours.empty_table(settings) as connection:
        found = [_one(settings, connection) for _ in range(rounds)]
    return {
        "name": "hand-back behind a long job, slowest",
        "value": round(max(found)),
        "unit": "ms",
        "peers": {"median": round(statistics.median(found))},
        "ratios": {},
    }


def _one(settings: Settings, connection: psycopg.Connection[Any]) -> float:
    connection.execute("TRUNCATE jobs CASCADE")
    with tempfile.TemporaryDirectory() as folder:
        mark = Path(folder, "mark")
        _create(settings, mark)
        horse = _horse(settings)
        try:
            until(mark.exists, pause=0.001)
            until(lambda: value(connection, ACTIVE) == 1, pause=0.001)
            took = (time.time() - mark.stat().st_mtime) * 1000
            assert value(connection, ACTIVE) == 1, "the long job has ended before"
        finally:
            os.kill(horse, signal.SIGKILL)
            os.waitpid(horse, 0)
    return took


def _create(settings: Settings, mark: Path) -> None:
    app = create_app(settings)
    short, long = NewJob("nap", {}), NewJob("nap", {"seconds": LONG_SECONDS, "mark": str(mark)})
    with app.app_context():
        services = app.extensions["jobsapp"]
        actor = services.identity.get_actor(services.identity.bootstrap().id)
        services.jobs.create_many(actor, [short] * SHORT + [long] + [short] * SHORT)


def _horse(settings: Settings) -> int:
    pid = os.fork()
    if not pid:
        try:
            with Horse(build_house(settings), "horse") as horse:
                horse.drain("nap")
        finally:
            os._exit(0)
    return pid
