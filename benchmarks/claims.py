"""What a claim costs in a short queue and in one of a million jobs."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg

from benchmarks import ours
from benchmarks.stage import Result
from jobsapp.config import Settings
from jobsapp.store.connect import connect
from jobsapp.store.turns import claim_jobs

LIMIT = 50
SMALL = 1000
PRIORITIES = 5
ROUNDS = 4
# A claim is committed and not put back, so the short queue, of which half is due, has room for so many.
CLAIMS = 8
FILL = f"""
WITH made AS (
INSERT INTO jobs (id, {ours.COPIED}, priority, run_at)
SELECT gen_random_uuid(), organization_id, user_id, type, %(queue)s, name, data, max_attempts, allowance,
  n / 2 %% {PRIORITIES}, now() + make_interval(secs => (n %% 2 * 2 - 1) * (3600 + n / 1000.0))
FROM jobs, generate_series(1, %(jobs)s) AS n WHERE id = %(first)s
RETURNING *
)
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
SELECT id, queue, -priority, organization_id, type, run_at, run_at <= now() FROM made
"""


def claim_cost(settings: Settings, pending: int) -> Result:
    """Milliseconds for one claim of LIMIT jobs, by the median.

    Half of the jobs are due in the future, and each priority has its share of both halves. Several short queues
    take turns, because one is soon claimed empty.
    """
    small: list[float] = []
    large: list[float] = []
    with ours.empty_table(settings) as connection, connect(settings.database_url, "benchmark") as claiming:
        ours.fill(settings, connection, "empty", 1)
        first = connection.execute("SELECT id FROM jobs").fetchone()
        assert first is not None
        for turn in range(ROUNDS):
            small += _claims(connection, claiming, f"small {turn}", SMALL, first[0])
        large += _claims(connection, claiming, "large", pending, first[0], rounds=ROUNDS)
        connection.execute("TRUNCATE jobs CASCADE")
    before, after = statistics.median(small), statistics.median(large)
    return {
        "name": f"a claim of {LIMIT} among {pending:,} pending",
        "value": round(after * 1000, 2),
        "unit": "ms",
        "peers": {f"among {SMALL:,} pending": round(before * 1000, 2)},
        "ratios": {f"among {SMALL:,} pending": round(after / before, 2)},
    }


def _claims(
    connection: psycopg.Connection[Any],
    claiming: psycopg.Connection[Any],
    queue: str,
    jobs: int,
    first: Any,
    rounds: int = 1,
) -> list[float]:
    """Seconds of each of CLAIMS * rounds claims in a new queue of so many jobs."""
    connection.execute(FILL, {"queue": queue, "jobs": jobs, "first": first})
    # As autovacuum would have done it, which has no time to while this runs.
    connection.execute("VACUUM ANALYZE jobs, job_queue")
    connection.execute("CHECKPOINT")
    found = []
    for _ in range(CLAIMS * rounds):
        begin = time.perf_counter()
        claimed = claim_jobs(claiming, queue, worker="benchmark", lease_seconds=600, limit=LIMIT)
        found.append(time.perf_counter() - begin)
        assert len(claimed) == LIMIT, f"{len(claimed)} claimed"
    return found
