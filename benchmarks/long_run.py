"""Does the engine stay as fast while its table grows?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import psycopg

from benchmarks import ours
from benchmarks.stage import WORKERS, Result, value
from jobsapp.config import Settings

JOBS = 100_000
LONG_JOBS = 1_000_000
# The tenths are of the jobs in the order of their ends; those written together have one time.
TENTHS = """
SELECT min(started_at),
  percentile_disc(ARRAY[.1, .2, .3, .4, .5, .6, .7, .8, .9, 1]) WITHIN GROUP (ORDER BY completed_at)
FROM jobs WHERE status = 'completed'
"""
TABLES = ("jobs", "job_attempts")


def long_run(settings: Settings, jobs: int) -> Result:
    """Empty jobs per second in the first and in the last tenth of `jobs`, and the size of the tables after it."""
    with ours.empty_table(settings) as connection:
        ours.fill(settings, connection, "empty", jobs)
        before = _megabytes(connection)
        span = ours.run(settings, connection, "empty", jobs)
        tenths = _tenths(connection, jobs)
        after = _megabytes(connection)
        connection.execute("TRUNCATE jobs CASCADE")
    print(f"{jobs} jobs in {span:.1f} s; MB before {before}, after {after}")
    return {
        "name": f"{jobs:,} empty jobs, the last tenth",
        "value": round(tenths[-1]),
        "unit": f"jobs/s, {WORKERS} workers",
        "peers": {"the first tenth": round(tenths[0]), "the slowest": round(min(tenths))},
        "ratios": {"the first tenth": round(tenths[-1] / tenths[0], 2)},
        "tenths": [round(speed) for speed in tenths],
        "overall": round(jobs / span),
        "megabytes": {"before": before, "after": after},
    }


def _tenths(connection: psycopg.Connection[Any], jobs: int) -> list[float]:
    """Jobs per second of each."""
    row = connection.execute(TENTHS).fetchone()
    assert row is not None
    times = [row[0], *row[1]]
    return [jobs / 10 / (end - begin).total_seconds() for begin, end in pairwise(times)]


def _megabytes(connection: psycopg.Connection[Any]) -> dict[str, float]:
    """With indexes."""
    size = "SELECT pg_total_relation_size(%s::regclass)"
    return {table: round(value(connection, size, table) / 1e6, 1) for table in TABLES}
