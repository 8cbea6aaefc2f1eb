"""Processes and what they leave behind: who dies with whom, and whose children have to be ended. Linux only.

Elsewhere nothing here does anything, and only the process group of a killed work-horse ends with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 1.0


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, however that ends; elsewhere the lease decides."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Descendants whose parent ends become this process's children: setsid() and a double fork hide nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def has_children() -> bool:
    """One call of the system, about a microsecond; true for those too that ended and were not waited for."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def ends(pid: int, *, wait: bool) -> bool:
    """Whether that child has ended; `wait` for it. Where it can be, its number stays its own until it is reaped."""
    try:
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG)) is not None
        return os.waitpid(pid, 0 if wait else os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def is_stopped(pid: int) -> bool:
    """Whether a signal or a debugger stopped that process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith(("T", "t"))
    return False


def children(pid: int | None = None) -> set[int]:
    """The children of a process, by default of this one. Empty where /proc does not tell."""
    found: set[int] = set()
    for tasks in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
        with suppress(OSError):
            found.update(map(int, tasks.read_text().split()))
    return found


def end_children(spare: Collection[int] = (), servers: Collection[int] = ()) -> bool:
    """Kill the children of this process, and theirs as they are adopted. False: some do not end.

    `spare`: these stay, and what is theirs. `servers`: these stay, their children do not.
    """
    deadline = time.monotonic() + END_SECONDS
    while True:
        left = children().union(*map(children, servers)).difference(spare, servers)
        if not left:
            return True
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
