"""What the peers run. Imports next to nothing, because RQ's workers import it anew for every job."""

from __future__ import annotations

import os
import struct
import time

TALLY = "BENCH_TALLY"
WORK_SECONDS = 0.01
_file: int | None = None


def ran() -> None:
    """Note that a job ran, and when: the same for every peer, whatever it runs its jobs in.

    Eight bytes at the end of a file cost a microsecond or two, need no lock between threads and processes, and put
    nothing on the servers that are measured.
    """
    global _file
    if _file is None:
        _file = os.open(os.environ[TALLY], os.O_WRONLY | os.O_APPEND)
    os.write(_file, struct.pack("<d", time.time()))


def empty() -> None:
    ran()


def work() -> None:
    """Ten milliseconds of work: slept, so that two workers have the same ideal on one core as on many."""
    time.sleep(WORK_SECONDS)
    ran()


def clock() -> float:
    return time.time()
