"""With the settings as they come: a dead worker's job runs again within half a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobsapp.config import Settings
from tests.faults.stage import FAST, Stage, family, report, signal_all

WITHIN_SECONDS = 30.0


@pytest.fixture
def limits() -> dict[str, Any]:
    return {name: Settings.model_fields[name].default for name in FAST}


def test_a_dead_workers_job_runs_again_by_default(stage: Stage, tmp_path: Path) -> None:
    stage.keeper()
    doomed, _ = stage.worker(1), stage.worker(1)
    with stage.load():
        stage.wait_for_load()
        running = [stage.wait_for_start(stage.send("long", seconds=1.5)) for _ in range(2)]
        victims = family(doomed)
        (held,) = [one for one in running if one.pid in victims]
        at = signal_all([doomed.pid])
        stage.wait_for_start(held.key, attempt=2)
    balance = stage.close_books()
    recovered = stage.recovery(at, victims=victims)
    report("worker -9, default lease", balance, recovered)
    assert recovered.again is not None
    assert recovered.again < WITHIN_SECONDS
