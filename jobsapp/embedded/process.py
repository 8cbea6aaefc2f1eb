"""Child processes that never outlive the process that started them.

Each child leads its own process group, so that Ctrl-C in a terminal reaches only the supervisor, and on
Linux it gets a signal when its parent dies, even by `kill -9`. Elsewhere the next start waits for the
leftovers: a lock that a child inherits is free only when the child and all of its children are gone.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jobsapp.embedded.identity import SELF, Identity

PR_SET_PDEATHSIG = 1
LOG_LIMIT_BYTES = 8 * 1024 * 1024
POLL_SECONDS = 0.01

_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
    keep_fds: Sequence[int] = (),
    identity: Identity = SELF,
) -> subprocess.Popen[bytes]:
    """Start a child whose output is appended to `log`. It gets `death_signal` when this process dies.

    Must be called from the main thread: Linux sends that signal when the *starting thread* ends.
    Raises OSError when the program or the folder cannot be used.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn() must be called from the main thread")
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - callers build the list of arguments
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            pass_fds=keep_fds,
            process_group=0,
            preexec_fn=_before_exec(death_signal, identity),
            user=identity.uid,
            group=identity.gid,
            extra_groups=None if identity.uid is None else [],
        )


def _before_exec(death_signal: int, identity: Identity) -> Callable[[], None]:
    parent = os.getpid()

    def run_in_child() -> None:
        identity.enter()
        # Only now: the kernel forgets the death signal when a process changes its user.
        if sys.platform == "linux":
            _libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return run_in_child


def end(process: subprocess.Popen[bytes], signals: Sequence[tuple[int, float]]) -> int:
    """Stop a child: send each signal and wait that many seconds for it to end, then kill its whole group.

    Safe to call on a child that has ended. Returns its exit status.
    """
    for number, seconds in signals:
        if process.poll() is None:
            process.send_signal(number)
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
    kill_group(process)
    return process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and what it started, unless it has ended and its number may belong to someone else."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def hold(path: Path, wait_seconds: float) -> int | None:
    """Lock a file and return its descriptor, or None when others still hold it after `wait_seconds`.

    Give the descriptor to a child with `keep_fds` and close it: the lock then ends with the child.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(POLL_SECONDS)
        else:
            return descriptor


def rotate(log: Path) -> None:
    """Set a big log aside as `<name>.1`, so that a folder never holds more than two of each."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, *, since: int = 0, lines: int = 10) -> list[str]:
    """The last lines of a log that are not empty, from byte `since` on. Empty when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
