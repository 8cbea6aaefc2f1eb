"""Keepers are killed while schedules are due every second, and PostgreSQL crashes: each run is made once."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from jobsapp.services.new_schedules import NewSchedule
from tests.faults.stage import Stage, crash, signal_all
from tests.processes import wait_until

SCHEDULES = 5
RUNS = "SELECT count(*) FROM schedule_runs"
BOOK = """SELECT schedule_id, run_at, job_id FROM schedule_runs ORDER BY schedule_id, run_at"""


def test_each_run_once_whatever_is_killed(stage: Stage) -> None:
    with stage.app.app_context():
        for number in range(SCHEDULES):
            new = NewSchedule("short", {"book": str(stage.book), "key": f"s{number}"}, f"s{number}", every_seconds=1,
                              missed="all", missed_limit=100, overlap="allow")  # fmt: skip
            stage.services.schedules.create(stage.actor, new)
    keepers = [stage.keeper(), stage.keeper()]
    for fault in ("keeper", "postgres", "keeper"):
        before = _count(stage)
        wait_until(lambda before=before: _count(stage) > before + 2 * SCHEDULES, "runs are made")  # type: ignore[misc]
        if fault == "postgres":
            crash(stage.postgres)
            stage.postgres.start()
        else:
            signal_all([keepers.pop(0).pid])
            keepers.append(stage.keeper())
    before = _count(stage)
    wait_until(lambda: _count(stage) > before + 2 * SCHEDULES, "runs are made again")
    with psycopg.connect(stage.settings.database_url) as connection:
        rows = connection.execute(BOOK).fetchall()
        jobs = {row[0] for row in connection.execute("SELECT id FROM jobs")}
    made = [job_id for _, _, job_id in rows]
    assert len(set(made)) == len(made)
    assert set(made) == jobs, "each run has its job, and no job is without a run"
    for schedule_id in {row[0] for row in rows}:
        at = [row[1] for row in rows if row[0] == schedule_id]
        assert at == [at[0] + timedelta(seconds=step) for step in range(len(at))], "none is left out"


def _count(stage: Stage) -> int:
    try:
        with psycopg.connect(stage.settings.database_url) as connection:
            found: int = connection.execute(RUNS).fetchone()[0]  # type: ignore[index]
            return found
    except psycopg.OperationalError:
        return 0
