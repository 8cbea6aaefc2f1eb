"""The keeper that leads is killed, with another standing by; the web server is killed in the middle of creating."""

from __future__ import annotations

import threading
import time

import psycopg

from tests.faults.clients import Client
from tests.faults.stage import Stage, family, report, signal_all
from tests.processes import free_port, wait_until

LEADERS = """SELECT a.pid FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
WHERE locktype = 'advisory' AND granted AND application_name LIKE 'jobsapp keeper%'"""
KEEPERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'jobsapp keeper%'"


def test_the_keeper_is_killed_with_another_standing_by(stage: Stage) -> None:
    first = stage.keeper()
    with psycopg.connect(stage.settings.database_url, autocommit=True) as connection:

        def leaders() -> list[int]:
            return [row[0] for row in connection.execute(LEADERS)]

        wait_until(leaders, "the first one leads")
        (leader,) = leaders()
        stage.keeper()
        wait_until(lambda: connection.execute(KEEPERS).fetchone() == (2,), "the second one stands by")
        doomed, _ = stage.worker(1), stage.worker(1)
        with stage.load():
            stage.wait_for_load()
            running = [stage.wait_for_start(stage.send("long", seconds=1.5)) for _ in range(2)]
            victims = family(doomed)
            assert {one.pid for one in running} & set(victims)
            at = signal_all([first.pid, *victims])
            wait_until(lambda: leaders() not in ([], [leader]), "the other one leads")
            led = time.monotonic() - at
            # Nothing but a keeper brings these back.
            stage.send("flaky")
            stage.wait_for_load()
        balance = stage.close_books()
    recovered = stage.recovery(at, victims=victims)
    report("keeper -9 with a worker", balance, recovered)
    print(f"keeper -9: the other one led after {led:.2f} s")
    assert led < 15
    assert recovered.cut_off == 1


def test_the_web_server_is_killed_in_the_middle_of_creating(stage: Stage) -> None:
    port = free_port()
    web = stage.processes.web(port)
    stage.worker(2)
    client = Client(f"http://127.0.0.1:{port}", stage.token)
    over = threading.Event()

    def create() -> None:
        while not over.is_set():
            stage.send("short", send=client.create)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        stage.wait_for_load(50)
        at = signal_all(family(web)[::-1])
        web.wait(10)
        web = stage.processes.web(port)
    stage.wait_for_load(50)
    over.set()
    for thread in threads:
        thread.join()
    balance = stage.close_books()
    report("web -9", balance, stage.recovery(at))
    assert stage.refused > 0, "jobs were being created"
    assert not balance.doubled
