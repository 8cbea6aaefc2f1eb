"""Clients of PostgreSQL that freeze with locks in their hands, and workers that nobody can end."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psutil
import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.limits import NewLimit
from jobsapp.store.connect import CUT_OFF, connect
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.statements import statement
from jobsapp.store.turns import FIRST
from tests.faults.stage import Stage, family, report, signal_all
from tests.faults.test_keepers_and_web import KEEPERS, LEADERS
from tests.processes import descendants, wait_until


def is_frozen(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_frozen_in_the_transaction_that_registers_files(stage: Stage) -> None:
    """The server ends the transaction, another worker runs the job; what the frozen one says later is refused."""
    stage.keeper()
    pool = stage.worker(1, "freezer,short")
    key = stage.send("freezer")
    horse = stage.wait_for_start(key).pid
    wait_until(lambda: is_frozen(horse), "it is frozen")
    at = time.monotonic()
    stage.worker(1, "freezer")
    again = stage.wait_for_start(key, attempt=2)
    print(f"frozen in a transaction: the job ran again after {again.at - at:.2f} s")
    wait_until(lambda: stage.status(key) == "completed", "the second attempt is done")
    os.kill(horse, signal.SIGCONT)
    after = stage.wait_for_start(stage.send("short"))
    balance = stage.close_books()
    report("frozen in a transaction", balance)
    assert (after.pid, pool.poll()) == (horse, None), "it goes on with other jobs"
    job = stage.job(key)
    assert [(one.number, one.outcome) for one in job.history] == [(1, "died"), (2, "completed")]
    assert balance.doubled == balance.fenced == [key]
    stored = {path.name for path in stage.settings.files_dir.rglob("*") if path.is_file()}
    assert stored == {str(file.id) for file in job.artifacts}, "no file without a row"
    assert len(stored) == 2


def test_the_keeper_that_leads_is_frozen(stage: Stage) -> None:
    """The one that stands by takes over; on waking the first one stands by."""
    first = stage.keeper()
    with psycopg.connect(stage.settings.database_url, autocommit=True) as connection:

        def leaders() -> list[int]:
            return [row[0] for row in connection.execute(LEADERS)]

        wait_until(leaders, "the first one leads")
        (leader,) = leaders()
        stage.keeper()
        wait_until(lambda: connection.execute(KEEPERS).fetchone() == (2,), "the second one stands by")
        at = signal_all([first.pid], signal.SIGSTOP)
        wait_until(lambda: leaders() not in ([], [leader]), "the other one leads")
        print(f"keeper frozen: the other one led after {time.monotonic() - at:.2f} s")
        (other,) = leaders()
        signal_all([first.pid], signal.SIGCONT)
        wait_until(lambda: connection.execute(KEEPERS).fetchone() == (2,), "the first one is back")
        assert leaders() == [other]
    assert first.poll() is None


def test_who_freezes_with_the_lock_of_a_limit_keeps_nobody_waiting(
    services: Services, admin: Actor, settings: Settings
) -> None:
    services.limits.set(admin, "queue", "echo", NewLimit(2))
    services.jobs.create(admin, NewJob("echo", {}))
    db.session.remove()
    given: dict[str, Any] = {"worker": "w", "lease_seconds": 60, "limit": 1, "after": FIRST}
    with connect(settings.database_url, "frozen") as frozen, connect(settings.database_url, "other") as other:
        frozen.execute("BEGIN")
        frozen.execute(statement("lock_limits"), {"queue": "echo"})
        assert len(claim_within_limits(other, "echo", **given).claimed) == 1
        with pytest.raises(CUT_OFF):
            frozen.execute("SELECT 1")


def test_an_attempt_that_nobody_can_end_is_taken_from_its_worker(stage: Stage) -> None:
    """Its worker is frozen and its work-horse cannot kill itself, but says that it lives: the keeper is the last."""
    stage.keeper()
    pool = stage.worker(1, "immortal")
    key = stage.send("immortal")
    at = stage.wait_for_start(key).at
    (worker,) = psutil.Process(pool.pid).children()
    assert len(descendants(worker.pid)) == 1
    signal_all([worker.pid], signal.SIGSTOP)
    stage.worker(1, "immortal")
    again = stage.wait_for_start(key, attempt=2)
    print(f"nobody could end it: taken from its worker and run again after {again.at - at:.2f} s")
    job = stage.job(key)
    first = job.history[0]
    assert (first.outcome, first.error and first.error["type"]) == ("failed", "Timeout")
    assert worker.is_running()
    signal_all(family(pool))
    report("nobody could end it", stage.close_books())
    assert stage.rows()[key].attempts == 2
