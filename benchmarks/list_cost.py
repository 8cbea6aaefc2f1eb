"""What the lists cost those who write: `python -m benchmarks.list_cost [JOBS]`.

Jobs are created and drained in turn with and without the indexes of texts and queues and the table of failed and
cancelled jobs, on one server. The time is that of PostgreSQL's processor, of the one connection that works, so that it
is the same on a busy machine; Linux alone tells it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.store import schema, tallies
from jobsapp.store.connect import connect
from jobsapp.store.jobs import enqueue
from jobsapp.store.turns import Ended, take_turn

ROUNDS = 5
BATCH = 256
DONE = Transition(Status.COMPLETED, "completed")
BROKEN = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Row 7 has no price."))
CREATE = """
INSERT INTO jobs (id, organization_id, type, queue, name, description, data, max_attempts, allowance)
SELECT id, %s, 'echo', 'echo', 'Import of table ' || n || ' of customers', 'Nightly, before the report',
  json_build_object('source', gen_random_uuid(), 'options', repeat('x', 200)), 3, 3
FROM unnest(%s::uuid[]) WITH ORDINALITY AS given (id, n)
"""
WITHOUT = (
    "DROP INDEX jobs_by_text",
    "DROP INDEX jobs_of_queue",
    "DROP TRIGGER list_inserted ON jobs",
    "DROP TRIGGER list_updated ON jobs",
    "DROP TRIGGER list_deleted ON jobs",
)
HOT = "SELECT n_tup_hot_upd::float8 / greatest(1, n_tup_upd) FROM pg_stat_user_tables WHERE relname = 'jobs'"


class Desk:
    """A database, and a connection that does what there is to do."""

    def __init__(self, url: str) -> None:
        self.connection = connect(url, "benchmark")
        self.organization = new_id()
        self.connection.execute("INSERT INTO organizations (id, name) VALUES (%s, 'bench')", [self.organization])

    def create(self, jobs: int) -> None:
        for _ in range(0, jobs, 100):
            ids = [new_id() for _ in range(100)]
            with self.connection.transaction():
                self.connection.execute(CREATE, [self.organization, ids])
                enqueue(self.connection, ids)

    def drain(self, way: Transition) -> None:
        held = self._turn([], way)
        while held:
            held = self._turn(held, way)

    def _turn(self, held: list[Any], way: Transition) -> list[Any]:
        ended = [Ended(job.id, job.attempt, way) for job in held]
        return take_turn(self.connection, ended, queue="echo", worker="bench", lease_seconds=60, limit=BATCH).claimed

    def spent(self, action: Callable[[], object], jobs: int) -> float:
        """Microseconds of PostgreSQL's processor for each job."""
        before = self._processor()
        action()
        return (self._processor() - before) / 1000 / jobs

    def tidy(self) -> None:
        """As keeper and autovacuum do it meanwhile."""
        while tallies.fold(self.connection):
            pass
        self.connection.execute("VACUUM ANALYZE jobs, job_queue, job_tallies")

    def _processor(self) -> int:
        """Nanoseconds so far."""
        return int(Path(f"/proc/{self.connection.info.backend_pid}/schedstat").read_text().split()[0])


def measure(jobs: int) -> dict[str, dict[str, float]]:
    """Microseconds a job: created, completed and failed, with and without what lists need."""
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "pg", durable=False) as postgres:
        desks = {}
        for kind in ("with", "without"):
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {kind}_lists")  # type: ignore[arg-type]
            url = postgres.url_of(f"{kind}_lists")
            schema.upgrade(Settings(database_url=url).sqlalchemy_url)
            desks[kind] = Desk(url)
        for statement in WITHOUT:
            desks["without"].connection.execute(statement)
        found: dict[str, dict[str, list[float]]] = {kind: {} for kind in desks}
        for _ in range(ROUNDS):
            for kind, desk in desks.items():
                _round(desk, jobs, found[kind])
        for desk in desks.values():
            print("updates that wrote no index:", desk.connection.execute(HOT).fetchone())
            desk.connection.close()
        return {
            kind: {what: round(statistics.median(one), 1) for what, one in of.items()} for kind, of in found.items()
        }


def _round(desk: Desk, jobs: int, found: dict[str, list[float]]) -> None:
    for way, what in ((DONE, "completed"), (BROKEN, "failed")):
        found.setdefault("created", []).append(desk.spent(lambda: desk.create(jobs), jobs))
        desk.tidy()
        found.setdefault(what, []).append(desk.spent(lambda way=way: desk.drain(way), jobs))  # type: ignore[misc]
        desk.tidy()


if __name__ == "__main__":
    for kind, numbers in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000).items():
        print(kind, numbers)
