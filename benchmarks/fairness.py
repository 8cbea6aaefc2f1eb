"""What fair turns and limits cost: claims beside a plain one that only keeps to the order of priority and time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import ours
from benchmarks.stage import Result
from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.store.connect import connect
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.turns import FIRST, take_turn

LIMIT = 50
ORGANIZATIONS = (1, 10, 200)
CLAIMS = 40
# A claim within limits takes a power of two.
WITHIN = 32
JOBS = LIMIT * CLAIMS * 5
FILL = f"""
WITH made AS (
  INSERT INTO jobs (id, {ours.COPIED}, priority)
  SELECT gen_random_uuid(), (%(organizations)s::uuid[])[1 + n %% cardinality(%(organizations)s::uuid[])], user_id, type,
    %(queue)s, name, data, max_attempts, allowance, n %% 3
  FROM jobs, generate_series(1, %(jobs)s) AS n WHERE id = %(first)s
  RETURNING *
)
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
SELECT id, queue, -priority, organization_id, type, run_at, true FROM made
"""
# The same writes, the plainest choice: who asks for it knows neither turns nor limits.
PLAIN = """
WITH next AS (
  SELECT ctid AS row FROM job_queue WHERE queue = %(queue)s AND due
  ORDER BY urgency, run_at, job_id LIMIT 50 FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM job_queue USING next WHERE job_queue.ctid = next.row RETURNING job_queue.job_id
), claimed AS (
  UPDATE jobs SET status = 'active', attempts = attempts + 1, worker = %(worker)s, started_at = now(),
    updated_at = now(), progress_current = NULL, progress_total = NULL, progress_message = NULL,
    progress_base = CASE WHEN checkpoint IS NULL THEN 0 END,
    progress_base_at = CASE WHEN checkpoint IS NULL THEN now() END, revision = revision + 1
  FROM taken WHERE jobs.id = taken.job_id AND jobs.status = 'pending'
  RETURNING jobs.*
), held AS (
  INSERT INTO worker_leases AS mine (worker, lease_until, job_ids)
  SELECT %(worker)s, now() + make_interval(secs => 600), ARRAY(SELECT id FROM claimed)
  ON CONFLICT (worker) DO UPDATE SET lease_until = excluded.lease_until, job_ids = excluded.job_ids
)
SELECT revision, organization_id::text, queue, priority, run_at, id, user_id::text, type, data, checkpoint, attempts,
  max_attempts, allowance, timeout_seconds, retry
FROM claimed ORDER BY priority DESC, run_at, id
"""
PLAIN_INDEX = "CREATE INDEX plain_for_claim ON job_queue (queue, urgency, run_at, job_id) WHERE due"
Claim = Callable[[], int]


def fairness_cost(settings: Settings) -> list[Result]:
    """Milliseconds for one claim of LIMIT jobs, by the median; the kinds of claim take turns in the same queue."""
    with ours.empty_table(settings) as connection, connect(settings.database_url, "benchmark") as claiming:
        ours.fill(settings, connection, "empty", 1)
        connection.execute(PLAIN_INDEX)
        try:
            return [_measure(connection, claiming, number) for number in ORGANIZATIONS]
        finally:
            connection.execute("DROP INDEX plain_for_claim")
            connection.execute("TRUNCATE jobs, limits, limit_starts, worker_leases CASCADE")


def _measure(connection: psycopg.Connection[Any], claiming: psycopg.Connection[Any], number: int) -> Result:
    queue = f"fair {number}"
    _fill(connection, queue, number)
    worker = {"queue": queue, "worker": "benchmark"}
    last = [FIRST]

    def fair() -> int:
        turn = take_turn(claiming, [], **worker, lease_seconds=600, limit=LIMIT, after=last[0])
        last[0] = turn.last
        return len(turn.claimed)

    def limited() -> int:
        given = {"lease_seconds": 600.0, "limit": LIMIT, "after": last[0]}
        turn = claim_within_limits(claiming, queue, worker="benchmark", **given)  # type: ignore[arg-type]
        last[0] = turn.last
        return len(turn.claimed)

    def plain() -> int:
        return len(claiming.execute(PLAIN, worker).fetchall())

    took: dict[str, list[float]] = {"plain": [], "fair": [], "limited": []}
    for _ in range(CLAIMS):
        took["plain"].append(_timed(plain))
        took["fair"].append(_timed(fair))
        connection.execute("INSERT INTO limits (scope, key, max_active) VALUES ('queue', %s, 1000000)", [queue])
        took["limited"].append(_timed(limited) * LIMIT / WITHIN)
        connection.execute("DELETE FROM limits")
        connection.execute("UPDATE worker_leases SET job_ids = '{}'")
    middle = {name: statistics.median(seconds) for name, seconds in took.items()}
    peers = {
        "plain order": round(middle["plain"] * 1000, 2),
        "fair under a limit of the queue": round(middle["limited"] * 1000, 2),
    }
    return {
        "name": f"a fair claim of {LIMIT}, {number} organisation{'s' if number > 1 else ''} waiting",
        "value": round(middle["fair"] * 1000, 2),
        "unit": "ms",
        "peers": peers,
        "ratios": {"plain order": round(middle["fair"] / middle["plain"], 2)},
    }


def _fill(connection: psycopg.Connection[Any], queue: str, number: int) -> None:
    organizations = [new_id() for _ in range(number)]
    connection.execute(
        "INSERT INTO organizations (id, name) SELECT id, id::text FROM unnest(%s::uuid[]) id", [organizations]
    )
    first = connection.execute("SELECT id FROM jobs LIMIT 1").fetchone()
    assert first is not None
    connection.execute(FILL, {"queue": queue, "organizations": organizations, "jobs": JOBS, "first": first[0]})
    connection.execute("VACUUM ANALYZE jobs, job_queue")


def _timed(claim: Claim) -> float:
    begin = time.perf_counter()
    claimed = claim()
    took = time.perf_counter() - begin
    assert claimed >= WITHIN, f"{claimed} claimed"
    return took
