"""A bound on the memory of a work-horse, so that one job cannot take all of the machine's."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

MIB = 1024 * 1024


def limit_memory(megabytes: int) -> None:
    """Let this process, and each that it starts, have so many MiB more than it has now. 0: no limit. Linux only.

    What is counted is private writable memory (RLIMIT_DATA, getrlimit(2)), not address space: libraries map much
    that they never use. Beyond it a job gets a MemoryError, or its library's own error.
    """
    if not megabytes or sys.platform != "linux":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_bytes() + megabytes * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _data_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmData:"))) * 1024
