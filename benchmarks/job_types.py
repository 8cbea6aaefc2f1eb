"""The job types beside the plain libraries doing the same work: what progress, cancelling, checks and reports cost.

Every run has a process of its own. A ratio is our time over the plain one's, of processor time and of the clock: 1.05
is 5 % more.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import call_cases, file_cases, learning_cases
from benchmarks.running import Case
from benchmarks.table import DATA
from jobsapp.embedded.postgres import EmbeddedPostgres

ROUNDS = 3


def measure(folder: Path = DATA, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Each type; plain and ours in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, EmbeddedPostgres(Path(place) / "pg") as postgres:
        os.environ |= {"JOBSAPP_BULK_DATABASE_URL": postgres.url, "JOBSAPP_BULK_TABLES": file_cases.TABLE}
        return [_compare(name, unit, folder, rounds) for name, (_, _, _, unit) in CASES.items()]


def _compare(name: str, unit: str, folder: Path, rounds: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
    for turn in range(rounds):
        for way in ("ours", "plain") if turn % 2 else ("plain", "ours"):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                command = [sys.executable, "-m", "benchmarks.job_types", name, way, place]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))
    ratios = {
        what: round(median(ours[what] / plain[what] for ours, plain in zip(*runs.values(), strict=True)), 3)
        for what in ("cpu", "seconds")
    }
    seconds = {way: round(median(run["seconds"] for run in those), 2) for way, those in runs.items()}
    return {
        "name": f"{name}: time",
        "value": seconds["ours"],
        "unit": f"s for {unit}",
        "peers": {"plain": seconds["plain"]},
        "ratios": {"by processor time": ratios["cpu"], "by the clock": ratios["seconds"]},
    }


def _alone(name: str, way: str, place: Path) -> dict[str, float]:
    prepare, ours, plain, _ = CASES[name]
    given = prepare(place)
    run = ours if way == "ours" else plain
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run(given, place)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {"seconds": seconds, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


CASES: dict[str, Case] = learning_cases.CASES | file_cases.CASES | call_cases.CASES


if __name__ == "__main__":
    print(json.dumps(_alone(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
