"""The clock of one host is wrong by an hour. PostgreSQL's clock decides; this host's must not matter.

See wrong_clock/sitecustomize.py for what is shifted: all that Python code reads, in all processes of that host.
"""

from __future__ import annotations

import pytest

from jobsapp.bus import connection
from jobsapp.bus.hints import Hints
from tests.faults.clients import Client
from tests.faults.stage import Stage, family, report, signal_all, wrong_by
from tests.processes import free_port

HOUR = 3600
# Far from an hour: what a wrong clock would cost, and not what a busy machine does.
SOON = 20


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_one_host_has_a_wrong_clock(stage: Stage, seconds: int) -> None:
    wrong = wrong_by(seconds)
    stage.keeper(**wrong)
    here, there = stage.worker(1), stage.worker(1, **wrong)
    port = free_port()
    stage.processes.web(port, **wrong)
    client = Client(f"http://127.0.0.1:{port}", stage.token)
    hints = Hints(connection.hints(stage.settings.redis_url))

    with stage.load(send=client.create):
        stage.wait_for_load()
        assert hints.listening(["short"]) == {"short": 2}, "workers of both hosts are seen"
        for key in [stage.send("flaky", send=client.create) for _ in range(3)]:
            first = stage.wait_for_start(key, attempt=1)
            wait = stage.wait_for_start(key, attempt=2).at - first.at
            assert 0.9 < wait < SOON, "a retry comes after its delay, whoever decided it"
        for pool in (there, here):
            running = [stage.wait_for_start(stage.send("long", seconds=1)) for _ in range(2)]
            victims = family(pool) if pool is here else family(pool)[2:]
            held = [one for one in running if one.pid in victims][-1]
            at = signal_all(victims)
            assert stage.wait_for_start(held.key, attempt=2).at - at < SOON
        stage.worker(1)
        stage.wait_for_load()
    balance = stage.close_books()
    report(f"clock {seconds:+} s", balance, stage.recovery(at, victims=victims))
    assert not balance.doubled
