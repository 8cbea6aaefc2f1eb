"""The servers go away and come back while jobs are made and run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
import redis

from jobsapp.embedded.postgres import EmbeddedPostgres
from tests.faults.stage import Stage, cold_stop, crash, family, report, signal_all
from tests.processes import wait_until


def test_redis_is_emptied(stage: Stage) -> None:
    server = redis.Redis.from_url(stage.settings.redis_url)
    for _ in range(5):
        stage.send("short")
    server.flushall()
    stage.keeper()
    stage.worker(2)
    wait_until(lambda: len(stage.notes()) == 10, "what waited without a wake-up ran")
    with stage.load():
        stage.wait_for_load()
        running = stage.wait_for_start(stage.send("long", seconds=1.5))
        for _ in range(5):
            at = time.monotonic()
            server.flushall()
            stage.wait_for_load(5)
    server.flushall()
    balance = stage.close_books()
    report("Redis FLUSHALL", balance, stage.recovery(at))
    assert not balance.doubled
    assert stage.begun()[running.key] == 1


def test_redis_is_away(stage: Stage) -> None:
    """For longer than leases and pauses last; the soak stops it for thirty seconds."""
    stage.keeper()
    stage.worker(2)
    with stage.load(pause=0.1):
        stage.wait_for_load()
        running = stage.wait_for_start(stage.send("long", seconds=3))
        at = time.monotonic()
        stage.valkey.stop()
        while time.monotonic() < at + 3 * stage.settings.lease_seconds:
            stage.send("short")
            time.sleep(0.2)
        stage.valkey.start()
        over = time.monotonic()
        stage.wait_for_load(5)
    balance = stage.close_books()
    report("Redis away", balance, stage.recovery(at, over))
    assert not balance.doubled
    begun = stage.begun()
    assert (set(begun.values()), begun[running.key]) == ({1}, 1)


@pytest.mark.parametrize("stop", [EmbeddedPostgres.stop, crash], ids=["fast", "immediate"])
def test_postgresql_restarts(stage: Stage, stop: Callable[[EmbeddedPostgres], None]) -> None:
    """Away for longer than the lease: who was running goes on, and nobody else takes its job."""
    stage.keeper()
    pool = stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        running = stage.wait_for_start(stage.send("long", seconds=5))
        at = time.monotonic()
        stop(stage.postgres)
        time.sleep(stage.settings.lease_seconds)
        # A keeper that is back at once must not take the job from a worker that needs a little longer.
        signal_all(family(pool), signal.SIGSTOP)
        stage.postgres.start()
        time.sleep(2)
        signal_all(family(pool), signal.SIGCONT)
        over = time.monotonic()
        stage.wait_for_load(5)
    balance = stage.close_books()
    report(
        f"PostgreSQL restarted ({'fast' if stop is EmbeddedPostgres.stop else 'immediate'})",
        balance,
        stage.recovery(at, over),
    )
    assert not balance.doubled
    assert stage.begun()[running.key] == 1


def test_both_servers_crash_at_once(stage: Stage) -> None:
    """Redis comes back empty."""
    stage.keeper()
    stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        at = time.monotonic()
        crash(stage.postgres)
        cold_stop(stage.valkey)
        time.sleep(1)
        stage.postgres.start()
        stage.valkey.start()
        over = time.monotonic()
        stage.wait_for_load(5)
    balance = stage.close_books()
    report("both at once", balance, stage.recovery(at, over))
    assert not balance.doubled
