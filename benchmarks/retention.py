"""What pruning costs, and whom it holds up: `python -m benchmarks.retention [ROWS]`.

Two organisations have half of the rows each, all of them old. One gives its jobs up, the other keeps them. Prints what
a part of a walk costs when it looks at jobs that are kept, when it deletes, when it archives; and how long a worker's
turn of 50 jobs takes alone, and beside a pruning.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.runtime.duties import prune
from jobsapp.runtime.house import House, build_house
from jobsapp.runtime.pruner import Pruner
from jobsapp.store import schema
from jobsapp.store.connect import connect
from jobsapp.store.turns import Ended, take_turn

DONE = Transition(Status.COMPLETED, "completed")
TURN, TURNS, WARM_UP = 50, 150, 20
FILL = """
INSERT INTO jobs (id, organization_id, type, queue, name, status, data, max_attempts, allowance, worker, attempts,
  started_at, completed_at, created_at)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
  CASE WHEN n %% 2 = 0 THEN %(ours)s::uuid ELSE %(theirs)s END, 'echo', 'echo', 'Nightly import of table ' || n,
  'completed',
  json_build_object('source', gen_random_uuid(), 'options', repeat('x', 300)), 3, 3, 'w', 1,
  to_timestamp(1700000000 + n / 1000.0), to_timestamp(1700000001 + n / 1000.0), to_timestamp(1700000000 + n / 1000.0)
FROM generate_series(1, %(rows)s) AS n
"""
WAITING = """
WITH made AS (
  INSERT INTO jobs (id, organization_id, type, queue, name, data, max_attempts, allowance)
  SELECT gen_random_uuid(), %(theirs)s, 'echo', 'turns', 'Echo', '{}', 3, 3 FROM generate_series(1, %(jobs)s)
  RETURNING *
)
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
SELECT id, queue, 0, organization_id, type, run_at, true FROM made
"""
RULE = "INSERT INTO retention_rules (organization_id, scope, days, status, archive) VALUES (%s, 'jobs', 30, %s, %s)"


@contextmanager
def housed() -> Iterator[House]:
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "pg") as postgres:
        schema.upgrade(Settings(database_url=postgres.url).sqlalchemy_url)
        url = "redis://127.0.0.1:1/0"
        yield build_house(Settings(data_dir=Path(name) / "var", database_url=postgres.url, redis_url=url))


def fill(connection: psycopg.Connection[Any], rows: int) -> dict[str, UUID]:
    names = {"ours": new_id(), "theirs": new_id()}
    for name, organization_id in names.items():
        connection.execute("INSERT INTO organizations (id, name) VALUES (%s, %s)", [organization_id, name])
    connection.execute(FILL, {**names, "rows": rows})
    connection.execute(WAITING, {**names, "jobs": TURN * (TURNS + WARM_UP) * 2 + TURN})
    connection.execute("VACUUM ANALYZE jobs, job_queue")
    connection.execute("CHECKPOINT")
    return names


def parts(
    connection: psycopg.Connection[Any],
    house: House,
    owner: UUID,
    what: str,
    *,
    status: str,
    archive: str = "",
) -> None:
    """Milliseconds of the first parts of a walk, by the median."""
    connection.execute("DELETE FROM retention_rules")
    connection.execute(RULE, [owner, status, archive])
    prune.plan(connection, house, at_once=True)
    spent, deleted = [], 0
    for _ in range(10):
        begin = time.perf_counter()
        pruned = prune.tick(connection, house, house.hints())
        spent.append((time.perf_counter() - begin) * 1000)
        if pruned is None:
            break
        deleted += pruned.deleted
    print(f"{what:32} {statistics.median(spent):8.1f} ms a part, {deleted:,} jobs in {len(spent)}")


def turns(url: str) -> list[float]:
    """Milliseconds of turns of a worker that ends TURN jobs and claims as many."""
    spent = []
    with connect(url, "benchmark") as connection:
        ended: list[Ended] = []
        for number in range(TURNS + WARM_UP):
            begin = time.perf_counter()
            turn = take_turn(connection, ended, queue="turns", worker="b", lease_seconds=600, limit=TURN)
            if number >= WARM_UP:
                spent.append((time.perf_counter() - begin) * 1000)
            ended = [Ended(job.id, job.attempt, DONE) for job in turn.claimed]
            assert len(ended) == TURN
            # As jobs of a few milliseconds do.
            time.sleep(0.02)
        take_turn(connection, ended, worker="b", lease_seconds=600)
    return sorted(spent)


def beside(connection: psycopg.Connection[Any], house: House, organization_id: UUID) -> None:
    alone = turns(house.settings.database_url)
    connection.execute("DELETE FROM retention_rules")
    connection.execute(RULE, [organization_id, "", ""])
    pruner, began = Pruner(house), time.perf_counter()
    thread = threading.Thread(target=pruner.prune, kwargs={"at_once": True})
    count = "SELECT coalesce(sum(deleted), 0)::bigint FROM retention_runs"
    before = connection.execute(count).fetchone() or (0,)
    thread.start()
    busy = turns(house.settings.database_url)
    lasts = thread.is_alive()
    pruner.stop()
    thread.join()
    deleted = (connection.execute(count).fetchone() or (0,))[0] - before[0]
    rate = deleted / (time.perf_counter() - began)
    for name, found in (("alone", alone), ("beside a pruning", busy)):
        print(
            f"turn of {TURN}, {name:20} {statistics.median(found):6.1f} ms, p95 {found[len(found) * 95 // 100]:6.1f} ms"
        )
    print(f"pruned meanwhile {int(rate):,} jobs a second{'' if lasts else ', and came to its end'}")


def main(rows: int) -> None:
    # There is no Redis, and it is said each time.
    logging.disable(logging.WARNING)
    with housed() as house, connect(house.settings.database_url, "benchmark") as connection:
        names = fill(connection, rows)
        print(json.dumps({"rows": rows}))
        parts(connection, house, names["ours"], "looks at 2,000 that stay", status="failed")
        parts(connection, house, names["ours"], "deletes 500", status="")
        parts(connection, house, names["ours"], "archives and deletes 500", status="completed", archive="jsonl")
        beside(connection, house, names["ours"])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
