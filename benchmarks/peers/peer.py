"""A peer, and how one is measured."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks.peer_functions import TALLY
from benchmarks.stage import processes, until
from jobsapp.config import Settings

REDIS = "BENCH_REDIS_URL"
DATABASE = "BENCH_DATABASE_URL"
Commands = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Peer:
    """Another engine.

    `enqueue(settings, task, jobs)`: with an empty queue before, put in so many jobs of the task `empty` or `work`.
    `ways`: the settings that are tried in each run, name to commands, because which is best depends on the machine.
    `jobs`: how many empty jobs are a measurement of seconds.
    """

    name: str
    installed: bool
    enqueue: Callable[[Settings, str, int], None]
    ways: Mapping[str, Commands]
    jobs: int


def best(peer: Peer, settings: Settings) -> tuple[str, float] | None:
    """The way that drains most empty jobs per second, and how many. None, with a line that says so: not installed."""
    if not peer.installed:
        print(f"{peer.name}: skipped: not installed")
        return None
    speeds = {way: peer.jobs / drain(peer, way, settings, "empty", peer.jobs) for way in peer.ways}
    for way, speed in speeds.items():
        print(f"{peer.name}, {way}: {speed:.0f} jobs/s")
    way = max(speeds, key=lambda name: speeds[name])
    return way, speeds[way]


def drain(peer: Peer, way: str, settings: Settings, task: str, jobs: int) -> float:
    """Seconds from the first to the last job run of a queue that was filled before the workers started."""
    # What an earlier peer, or this one's earlier way, left unacknowledged is not to be run now.
    redis.Redis.from_url(settings.redis_url).flushdb()
    peer.enqueue(settings, task, jobs)
    with tempfile.NamedTemporaryFile() as tally:
        environment = {REDIS: settings.redis_url, DATABASE: settings.database_url, TALLY: tally.name}
        file = Path(tally.name)
        with processes(peer.ways[way], environment) as check:
            until(lambda: file.stat().st_size >= 8 * jobs, seconds=120 + jobs / 50, check=check)
        times = [time for (time,) in struct.iter_unpack("<d", file.read_bytes())]
    return max(times) - min(times)
