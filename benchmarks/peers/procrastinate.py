"""Procrastinate 3 on the same PostgreSQL, WORKERS processes of its own worker.

SETTINGS

The tasks are coroutines: a plain function would be handed to a thread for each job. LISTEN is on (the default).
Logging is not set up, so its two lines for each job go nowhere. Statistics are gathered before the workers
start, as they are for ours.

Concurrency: 1 (the default) was slowest; 4, 10 and 20 were within the noise of each other. So were jobs that are
deleted at success and jobs that are kept (the default, and what ours does).

As ours it has the truth in PostgreSQL; a job whose worker died is found only by code of the user's own
(`get_stalled_jobs`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec
from typing import Any

import psycopg

from benchmarks import peer_functions
from benchmarks.peers.peer import DATABASE, Peer
from benchmarks.stage import WORKERS
from jobsapp.config import Settings

CHUNK = 1000


def declare(connector: Any) -> Any:
    """The app with its tasks."""
    import procrastinate

    app = procrastinate.App(connector=connector)

    @app.task(name="empty")
    async def empty() -> None:
        peer_functions.ran()

    @app.task(name="work")
    async def work() -> None:
        await asyncio.sleep(peer_functions.WORK_SECONDS)
        peer_functions.ran()

    return app


def enqueue(settings: Settings, task: str, jobs: int) -> None:
    import procrastinate

    url = settings.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        with declare(procrastinate.SyncPsycopgConnector(conninfo=url)).open() as app:
            if connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):
                app.schema_manager.apply_schema()
            connection.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
            for start in range(0, jobs, CHUNK):
                app.tasks[task].batch_defer(*[{} for _ in range(min(CHUNK, jobs - start))])
        connection.execute("ANALYZE procrastinate_jobs")


def _commands(concurrency: int, delete: str) -> list[list[str]]:
    return [[sys.executable, "-m", "benchmarks.peers.procrastinate", str(concurrency), delete]] * WORKERS


PEER = Peer(
    "Procrastinate",
    find_spec("procrastinate") is not None,
    enqueue,
    {
        f"{WORKERS} processes, concurrency {concurrency}, jobs deleted: {delete}": _commands(concurrency, delete)
        for concurrency, delete in ((4, "never"), (4, "successful"), (20, "never"))
    },
    3000,
)


def main() -> None:
    import procrastinate

    app = declare(procrastinate.PsycopgConnector(conninfo=os.environ[DATABASE]))
    app.run_worker(concurrency=int(sys.argv[1]), delete_jobs=sys.argv[2])


if __name__ == "__main__":
    main()
