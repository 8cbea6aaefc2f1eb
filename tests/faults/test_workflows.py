"""Keeper and workers are killed at any point while workflows run: each step is one job, and every run ends."""

from __future__ import annotations

import random
import time

import psycopg

from jobsapp.services.jobs import NewJob
from tests.faults.stage import Stage, family, report, signal_all
from tests.processes import SECONDS, wait_until

RUNS, KILLS = 8, 3
STEP = {"type": "short", "retry": {"attempts": 20, "firstSeconds": 0.05}}


def data(key: str) -> dict[str, str]:
    return {"book": "${{ input.book }}", "key": "${{ input.run }}-" + key}


DEFINITION = {
    "input": {"book": {}, "run": {}},
    "steps": {
        "first": {**STEP, "input": data("first")},
        "each": {**STEP, "needs": ["first"], "forEach": [0, 1, 2, 3], "width": 2, "input": data("each${{ index }}")},
        "pause": {"needs": ["first"], "waitFor": {"seconds": 0.5}},
        "last": {**STEP, "needs": ["each", "pause"], "input": data("last")},
    },
}
KEYS = ("first", "each0", "each1", "each2", "each3", "last")
UNFINISHED = "SELECT count(*) FROM jobs WHERE type = 'workflow-execution' AND status IN ('pending', 'active')"


def test_keeper_and_workers_are_killed_while_workflows_run(stage: Stage) -> None:
    chance = random.Random(time.time_ns())
    keeper, worker = stage.keeper(), stage.worker(1, "short")
    with stage.app.app_context():
        for number in range(RUNS):
            given = {"definition": DEFINITION, "input": {"book": str(stage.book), "run": f"run{number}"}}
            stage.services.jobs.create(stage.actor, NewJob("workflow-execution", given))
            stage.sent |= {f"run{number}-{key}": "completed" for key in KEYS}
    with psycopg.connect(stage.settings.database_url, autocommit=True) as connection:
        for _ in range(KILLS):
            begun = len(stage.notes())
            more = chance.randint(1, 12)
            wait_until(lambda: len(stage.notes()) >= min(begun + more, 2 * RUNS * len(KEYS)), "steps run")  # noqa: B023
            signal_all([*family(keeper), *family(worker)])
            keeper, worker = stage.keeper(), stage.worker(1, "short")
        wait_until(lambda: connection.execute(UNFINISHED).fetchone() == (0,), "all runs are over", SECONDS)
        ends = connection.execute(
            "SELECT status, count(*) FROM jobs WHERE type = 'workflow-execution' GROUP BY status"
        ).fetchall()
        jobs = connection.execute(
            "SELECT count(*), count(DISTINCT job_id) FROM workflow_steps WHERE job_id IS NOT NULL"
        )
        assert jobs.fetchone() == (RUNS * len(KEYS), RUNS * len(KEYS))
    assert ends == [("completed", RUNS)]
    report("keeper and workers killed while workflows run", stage.close_books())
