"""Real processes of the product on the test's own servers: workers, keepers, web servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from jobsapp.config import Settings, variable

ROOT = Path(__file__).parent.parent
# A deadline, not a promise: a machine that has other work takes its time.
SECONDS = 60.0


class Processes:
    """Starts `flask …` and gunicorn with given settings; leaving the block kills what still runs."""

    def __init__(self, settings: Settings, **overrides: object) -> None:
        self.settings = settings.model_copy(update=overrides)
        self._running: list[subprocess.Popen[bytes]] = []
        self.log = settings.data_dir / "processes.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            self.end(process, signal.SIGKILL)
        if kind is not None and self.log.exists():
            sys.stderr.write(self.log.read_text()[-5000:])

    @property
    def environment(self) -> dict[str, str]:
        given = {variable(name): _text(value) for name, value in self.settings.model_dump().items() if value != ""}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("JOBSAPP_")}
        return {**clean, **given, "PYTHONPATH": str(ROOT)}

    def flask(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `flask ARGUMENTS` in the background, with more in its environment."""
        return self._start([sys.executable, "-m", "flask", "--app", "app", *arguments], environment)

    def web(self, port: int, **environment: str) -> subprocess.Popen[bytes]:
        """Start the web server as `flask up` does and wait until it answers."""
        arguments = [
            "-c",
            str(ROOT / "jobsapp" / "live" / "gunicorn.py"),
            "-k",
            "gthread",
            "--threads",
            "32",
            "-b",
            f"127.0.0.1:{port}",
        ]
        arguments += ["--graceful-timeout", "2", "--no-control-socket", "app:app"]
        process = self._start([sys.executable, "-m", "gunicorn", *arguments], environment)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "the web server answers")
        return process

    def end(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(SECONDS)

    def _start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            merged = {**self.environment, **environment}
            process = subprocess.Popen(command, cwd=ROOT, env=merged, stdout=log, stderr=log)
        self._running.append(process)
        return process


def wait_until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Poll until `condition` is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """Pids of all living descendants of a process."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def children(pid: int) -> list[int]:
    """Pids of a process's own children. Their order says nothing: the system gives small numbers again."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children()]


def _text(value: object) -> str:
    """A setting as it stands in the environment."""
    return json.dumps(value) if isinstance(value, dict) else str(value)
