"""A place for one worker process, as its parent knows it."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobsapp.bus.family import children
from jobsapp.bus.roster import Report
from jobsapp.runtime.counts import Counts

RESTART_SECONDS = 1.0


@dataclass(eq=False)
class Seat:
    """`pid` 0: empty since its last one ended. `stopped`: it stays so until somebody asks for another worker."""

    name: str = ""
    pid: int = 0
    not_before: float = 0.0
    stopped: bool = False
    since: float = 0.0
    counts: Counts = field(default_factory=Counts)

    @property
    def waits(self) -> bool:
        """Whether a worker has to be started here, now or in a moment."""
        return not self.pid and not self.stopped

    def prepare(self) -> None:
        """Make room for a new worker, with a name of its own."""
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.since = time.monotonic()
        self.not_before = self.since + RESTART_SECONDS
        self.counts = Counts()

    def leave(self, *, stopped: bool) -> None:
        """Its worker has ended; `stopped`: because an operator asked for it."""
        self.pid = 0
        self.stopped = stopped
        self.since = time.monotonic()

    def report(self, queues: Sequence[str], *, stopping: bool = False) -> Report:
        """What is told of it, with the memory as it is now."""
        done, failed = self.counts.read()
        horses = children(self.pid) if self.pid else set()
        return Report(
            name=self.name,
            host=socket.gethostname(),
            pid=self.pid,
            queues=queues,
            age_seconds=time.monotonic() - self.since,
            memory_bytes=resident_bytes(self.pid) if self.pid else None,
            horse_bytes=family_bytes(horses),
            stopping=stopping,
            jobs_done=done,
            jobs_failed=failed,
        )


def family_bytes(pids: set[int]) -> int | None:
    """Memory of these processes and all that they started; None if nothing is known of any. Shared pages count anew."""
    sizes, seen = [], set[int]()
    while pids := pids - seen:
        seen |= pids
        sizes += [size for pid in pids if (size := resident_bytes(pid)) is not None]
        pids = set[int]().union(*map(children, pids))
    return sum(sizes) if sizes else None


def resident_bytes(pid: int) -> int | None:
    """Memory of a process that is in RAM; None if it has ended, or /proc does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()
