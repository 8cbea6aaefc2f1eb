"""Workers and work-horses that die or freeze, under load."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.faults.stage import Stage, family, report, signal_all
from tests.processes import children, descendants, wait_until

NOTICED_SECONDS = 1.0
# Three times in a row a busy machine may be late; nobody else would ever notice.
LATE_SECONDS = 10.0


def test_a_worker_is_killed(stage: Stage) -> None:
    stage.keeper()
    doomed, _ = stage.worker(2), stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        started = [stage.wait_for_start(stage.send("long", seconds=2)) for _ in range(4)]
        victims = family(doomed)
        assert {one.pid for one in started} & set(victims), "it had jobs to lose"
        at = signal_all([doomed.pid])
        stage.wait_for_load()
        stage.worker(1)
    balance = stage.close_books()
    recovered = stage.recovery(at, victims=victims)
    report("worker -9", balance, recovered)
    assert recovered.cut_off >= 1
    assert not balance.together


def test_a_work_horse_is_killed(stage: Stage) -> None:
    """Without a keeper: its own worker sees to it."""
    stage.worker(2)
    again, noticed = [], []
    with stage.load():
        stage.wait_for_load()
        for _ in range(3):
            running = stage.wait_for_start(stage.send("long", seconds=1.5))
            killed = datetime.now(UTC)
            at = signal_all([running.pid])
            again.append(stage.wait_for_start(running.key, attempt=2).at - at)
            died = stage.job(running.key).history[0]
            assert died.ended_at is not None
            noticed.append((died.ended_at - killed).total_seconds())
        stage.wait_for_load()
    balance = stage.close_books()
    report("horse -9", balance, stage.recovery(at, victims=[running.pid]))
    print(f"horse -9: noticed within {max(noticed):.2f} s, its job ran again within {max(again):.2f} s")
    assert min(noticed) < NOTICED_SECONDS
    assert max(noticed) < LATE_SECONDS
    assert not balance.doubled


def test_poison_kills_its_worker_each_time(stage: Stage) -> None:
    stage.keeper()
    pool = stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        at = time.monotonic()
        bad = stage.send("poison", ends="failed", whole_worker=True)
        worse = stage.send("poison", ends="failed")
        for key in (bad, worse):
            for attempt in (1, 2, 3):
                stage.wait_for_start(key, attempt)
        stage.wait_for_load()
    balance = stage.close_books()
    report("poison", balance, stage.recovery(at))
    begun = stage.begun()
    assert (begun[bad], begun[worse]) == (3, 3)
    assert not balance.doubled
    wait_until(lambda: len(descendants(pool.pid)) == 4, "the pool is whole again")


def test_a_worker_is_frozen_beyond_its_lease(stage: Stage) -> None:
    """It wakes up later and comes to the end of its job: its result counts no more."""
    stage.keeper()
    frozen, _ = stage.worker(1), stage.worker(1)
    with stage.load():
        stage.wait_for_load()
        running = [stage.wait_for_start(stage.send("long", seconds=2.5, deaf=True)) for _ in range(2)]
        victims = family(frozen)
        (held,) = [one for one in running if one.pid in victims]
        at = signal_all(victims, signal.SIGSTOP)
        again = stage.wait_for_start(held.key, attempt=2)
        # While the other one runs: only the number of the attempt tells them apart.
        signal_all(victims, signal.SIGCONT)

        def ends() -> int:
            return sum(one.key == held.key and one.event == "end" for one in stage.notes())

        wait_until(lambda: ends() == 2, "both attempts come to their end")
        stage.wait_for_load()
    balance = stage.close_books()
    report("worker frozen", balance, stage.recovery(at, victims=victims))
    assert balance.doubled == balance.fenced == [held.key]
    assert stage.rows()[held.key].accepted == again.attempt > held.attempt


def test_workers_are_replaced_with_jobs_running(stage: Stage) -> None:
    """As in a deploy: SIGTERM, then the new ones. What does not end within the grace is handed back."""
    stage.keeper()
    old = stage.worker(2)
    with stage.load():
        stage.wait_for_load()
        slow = stage.wait_for_start(stage.send("long", seconds=4))
        soon = stage.wait_for_start(stage.send("long", seconds=1))
        victims = family(old)
        at = signal_all([old.pid], signal.SIGTERM)
        stage.worker(2)
        assert old.wait(20) == 0
        stage.wait_for_load()
    balance = stage.close_books()
    report("SIGTERM", balance, stage.recovery(at, victims=victims))
    begun = stage.begun()
    assert (begun[soon.key], begun[slow.key]) == (1, 2)
    assert not balance.doubled


def test_a_worker_comes_back_after_any_end_of_its_own(stage: Stage) -> None:
    stage.keeper()
    # What `nohup make test` ignores, its workers would.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    pool = stage.worker(1)
    signal.signal(signal.SIGHUP, inherited)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGHUP):
        wait_until(lambda: len(children(pool.pid)) == 1, "nothing is left of the one before")
        (worker,) = children(pool.pid)
        at = signal_all([worker], number)
        wait_until(partial(_is_gone, worker), f"the worker is gone by {number.name}")
        key = stage.send("short")
        print(f"worker ended by {number.name}: the next job began after {stage.wait_for_start(key).at - at:.2f} s")
    report("worker ended", stage.close_books())


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()
