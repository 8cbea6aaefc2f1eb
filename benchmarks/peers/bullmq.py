"""BullMQ 6 on Node.js with ioredis, at a concurrency of 50.

SETTINGS

Completed jobs are removed at once, the simplest way of BullMQ's guide to limit them: it keeps them for ever otherwise.
Everything else is the default. One process was faster than two on two cores, which Valkey shares; a concurrency of
100 was within the noise. The lock of a worker that died runs out, and its jobs go back to the queue.
With these settings nothing is left of a completed job, where ours keeps the job and its history.

The packages are looked for in `benchmarks/data/node`, which git ignores, or in the folder that BENCH_NODE names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.peer import REDIS, Peer
from benchmarks.stage import ROOT, WORKERS
from jobsapp.config import Settings

PROGRAM = str(Path(__file__).with_name("bullmq.mjs"))
FOLDER = "BENCH_NODE"
PACKAGES = ("bullmq", "ioredis")

os.environ.setdefault(FOLDER, str(ROOT / "benchmarks" / "data" / "node"))


def installed() -> bool:
    modules = Path(os.environ[FOLDER]) / "node_modules"
    return shutil.which("node") is not None and all((modules / package).is_dir() for package in PACKAGES)


def enqueue(settings: Settings, task: str, jobs: int) -> None:
    assert task == "empty", "the only task that the program has"
    environment = {**os.environ, REDIS: settings.redis_url}
    subprocess.run(["node", PROGRAM, "enqueue", str(jobs)], env=environment, check=True)


def _work(concurrency: int) -> list[str]:
    return ["node", PROGRAM, "work", str(concurrency)]


PEER = Peer(
    "BullMQ",
    installed(),
    enqueue,
    {
        f"{WORKERS} processes, concurrency 50": [_work(50)] * WORKERS,
        "1 process, concurrency 50": [_work(50)],
    },
    30_000,
)
