"""Empty jobs per second against the peers, and what is left of the workers' time with jobs of 10 ms."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor

from benchmarks import ours
from benchmarks.peer_functions import WORK_SECONDS
from benchmarks.peers import bullmq, dramatiq, huey, procrastinate, rq
from benchmarks.peers.peer import best, drain
from benchmarks.stage import WORKERS, Result
from jobsapp.config import Settings

PEERS = [*rq.PEERS, dramatiq.PEER, huey.PEER, procrastinate.PEER, bullmq.PEER]


def drained(settings: Settings, jobs: int) -> Result:
    """Empty jobs per second with WORKERS workers: created first, timed from the first to the last job run.

    For ours that is from the first claim to the last written end, as PostgreSQL has them; for the peers from the
    first to the last call of the job's function, so the writing of their last jobs' ends is not in it. Of a peer's
    settings the best counts; ours runs before and after the peers, and the better counts too.
    """
    before = _speed(settings, jobs)
    found = {peer.name: best(peer, settings) for peer in PEERS}
    speed = max(before, _speed(settings, jobs))
    peers = {f"{name} ({way[0]})": way[1] for name, way in found.items() if way}
    return {
        "name": "empty jobs drained",
        "value": round(speed),
        "unit": f"jobs/s, {WORKERS} workers",
        "peers": {name: round(other) for name, other in peers.items()},
        "ratios": {name: round(speed / other, 2) for name, other in peers.items()},
    }


def _speed(settings: Settings, jobs: int) -> float:
    with ours.empty_table(settings) as connection:
        speed = jobs / ours.drain(settings, connection, "empty", jobs)
    print(f"jobsapp: {speed:.0f} jobs/s")
    return speed


def worked(settings: Settings, jobs: int) -> Result:
    """Jobs that sleep 10 ms: the time they would have taken in plain loops over the time they took.

    A sleep of 10 ms takes longer than that, how much depends on the machine: so the same calls are made in WORKERS
    processes with nothing around them, in the same run. The peers run in WORKERS processes too, one job at a time
    each: more at once would sleep side by side.
    """
    ideal = plain_loops(jobs)
    with ours.empty_table(settings) as connection:
        share = ideal / ours.drain(settings, connection, "work", jobs)
    peers = {}
    for peer, way in ((rq.PEERS[0], rq.FORKING), (huey.PEER, huey.ONE_EACH)):
        if peer.installed:
            peers[f"{peer.name} ({way})"] = ideal / drain(peer, way, settings, "work", jobs)
    return {
        "name": "jobs of 10 ms, share of the ideal",
        "value": round(share, 3),
        "unit": f"of {jobs / ideal:.0f} jobs/s",
        "peers": {name: round(other, 3) for name, other in peers.items()},
        "ratios": {name: round(share / other, 2) for name, other in peers.items()},
    }


def plain_loops(jobs: int) -> float:
    """Seconds that WORKERS processes at once take for the work of so many jobs."""
    begin = time.perf_counter()
    with ProcessPoolExecutor(WORKERS) as pool:
        for one in [pool.submit(_work, jobs // WORKERS) for _ in range(WORKERS)]:
            one.result()
    return time.perf_counter() - begin


def _work(jobs: int) -> None:
    for _ in range(jobs):
        time.sleep(WORK_SECONDS)
