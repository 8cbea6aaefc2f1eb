"""A job that takes more memory than there is: it alone fails, and runs again within its allowance."""

from __future__ import annotations

import time

import pytest

from tests.faults.stage import Stage, report
from tests.processes import wait_until


@pytest.fixture
def limits() -> dict[str, int]:
    return {"job_memory_mb": 256}


def test_a_job_runs_out_of_memory(stage: Stage) -> None:
    stage.keeper()
    stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        at = time.monotonic()
        once = stage.send("hungry")
        always = stage.send("hungry", ends="failed", attempts=9)
        killed = stage.send("hungry", killed=True)
        enough = stage.send("hungry", megabytes=128)
        wait_until(lambda: stage.status(always) == "failed", "it failed after its attempts")
        stage.wait_for_load()
    balance = stage.close_books()
    report("out of memory", balance, stage.recovery(at))
    begun = stage.begun()
    assert [begun[key] for key in (once, always, killed, enough)] == [2, 3, 2, 1]
    assert [attempt.outcome for attempt in stage.job(once).history] == ["failed", "completed"]
    assert [attempt.outcome for attempt in stage.job(killed).history] == ["died", "completed"]
    assert stage.job(always).error == {"type": "MemoryError", "message": "Not enough memory."} | _traceback(
        stage, always
    )
    assert {number for key, number in begun.items() if key.startswith(("short", "long"))} == {1}


def test_a_job_that_fills_all_memory_keeps_its_lease(stage: Stage) -> None:
    """The pulse runs in the same process."""
    stage.keeper()
    stage.worker(1)
    stage.worker(1)
    key = stage.send("glutton", seconds=2.5 * stage.settings.lease_seconds)
    with stage.load():
        wait_until(lambda: stage.status(key) == "completed", "it came to its end")
    balance = stage.close_books()
    report("all memory taken", balance)
    assert stage.begun()[key] == 1
    assert not balance.doubled


def _traceback(stage: Stage, key: str) -> dict[str, str]:
    error = stage.job(key).error
    assert error is not None
    return {"traceback": error["traceback"]}
