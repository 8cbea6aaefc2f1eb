"""A work-horse dies while PostgreSQL is away."""

from __future__ import annotations

import time

from tests.faults.stage import Stage, report, signal_all
from tests.processes import descendants, wait_until


def test_a_work_horse_dies_while_postgresql_is_away(stage: Stage) -> None:
    """The next one renews the lease of the same worker without end: what the dead one had must not hang on it."""
    stage.keeper()
    pool = stage.worker(1)
    with stage.load(long_every=1_000_000):
        stage.wait_for_load()
        running = stage.wait_for_start(stage.send("long", seconds=4))
        stage.postgres.stop()
        at = signal_all([running.pid])
        # Its worker has noticed, and could write nothing.
        wait_until(lambda: running.pid not in descendants(pool.pid), "the work-horse is gone")
        time.sleep(1)
        stage.postgres.start()
        again = stage.wait_for_start(running.key, attempt=2)
        print(f"horse -9 without PostgreSQL: its job ran again after {again.at - at:.2f} s")
    report("horse -9 without PostgreSQL", stage.close_books())
