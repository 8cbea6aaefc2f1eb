"""The engine: what it does per second, how soon it starts, and whether that lasts, against other engines.

Everything runs on the same servers in the same run, PostgreSQL and Valkey with the product's durability.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from benchmarks.batches import batch_cost
from benchmarks.claims import claim_cost
from benchmarks.delays import delay
from benchmarks.fairness import fairness_cost
from benchmarks.hand_back import hand_back
from benchmarks.long_run import JOBS, long_run
from benchmarks.schedules import fired
from benchmarks.stage import Result, servers
from benchmarks.throughput import drained, worked
from jobsapp.config import Settings
from jobsapp.runtime.context import JobContext
from jobsapp.store.jobs import ClaimedJob


def measure(
    jobs: int = 20_000, work_jobs: int = 2000, delays: int = 300, pending: int = 1_000_000, long_jobs: int = JOBS
) -> list[Result]:
    """`long_jobs`: how many empty jobs the long run drains."""
    with servers() as settings:
        return [
            drained(settings, jobs),
            worked(settings, work_jobs),
            *delay(settings, delays),
            claim_cost(settings, pending),
            *fairness_cost(settings),
            hand_back(settings),
            *following(settings),
            long_run(settings, long_jobs),
            progress_cost(),
        ]


def measure_following() -> list[Result]:
    """Only the lines of batches and schedules."""
    with servers() as settings:
        return following(settings)


def following(settings: Settings) -> list[Result]:
    return [batch_cost(settings), fired(settings)]


def progress_cost(calls: int = 1_000_000) -> Result:
    """Nanoseconds for one `context.progress(n, total, message)` in a tight loop."""
    job = ClaimedJob(UUID(int=1), UUID(int=2), None, "empty", "empty", {}, None, 1, 1, 1, 1)
    context = JobContext(job, make_workdir=Path, make_keepdir=Path, find_file=lambda _: None, threads=1)
    took = _timed(lambda: [context.progress(n, calls, "Working") for n in range(calls)])
    nothing = _timed(lambda: [str.upper("Working") for _ in range(calls)])
    return {
        "name": "one call of progress",
        "value": round(took / calls * 1e9),
        "unit": "ns",
        "peers": {"str.upper()": round(nothing / calls * 1e9)},
        "ratios": {"str.upper()": round(took / nothing, 1)},
    }


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
