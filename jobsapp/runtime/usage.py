"""What an attempt used: processor time, and the most memory that its process had."""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

WORTH_SECONDS = 0.05


@dataclass(frozen=True)
class Used:
    """`cpu_seconds`: processor time of the work-horse and its children that ended; `peak_bytes`: its most memory.

    None where an attempt was too short to be looked at, or the system does not say.
    """

    cpu_seconds: float | None = None
    peak_bytes: int | None = None


class Meter:
    """Measures one attempt after the other. Asking the system takes longer than a small job, so those pass it by."""

    def __init__(self) -> None:
        self._cpu = 0.0

    def begin(self) -> None:
        """Begin anew; what ran since then and was not read counts as the next attempt's."""
        self._cpu = _cpu_seconds()
        # Linux, proc(5): begin anew with the most memory that this process had.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")

    def read(self, seconds: float) -> Used:
        """What an attempt used that took so long and ended now."""
        if seconds < WORTH_SECONDS:
            return Used()
        used = Used(round(_cpu_seconds() - self._cpu, 6), _peak_bytes())
        self.begin()
        return used


def _peak_bytes() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * 1024
    return None


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
