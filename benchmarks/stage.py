"""What every engine benchmark stands on: the servers, worker processes, waiting."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import processors
from jobsapp.config import Settings
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.store import schema

ROOT = Path(__file__).parent.parent
WORKERS = 2
Result = dict[str, Any]


@contextmanager
def servers() -> Iterator[Settings]:
    """PostgreSQL and Valkey with the durability that the product gives them, on a folder that goes away."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "pg") as postgres,
        EmbeddedValkey(Path(folder) / "valkey") as valkey,
    ):
        settings = Settings(
            data_dir=Path(folder),
            database_url=postgres.url,
            redis_url=valkey.url,
            processors=processors.__name__,
            secret_key="for the benchmark",
        )
        schema.upgrade(settings.sqlalchemy_url)
        yield settings


@contextmanager
def processes(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> Iterator[Callable[[], None]]:
    """Run the commands meanwhile. Gives a function that raises RuntimeError when one of them has ended."""
    merged = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as said:
        # In the list one by one, so that a command that is not there leaves no process behind.
        started: list[subprocess.Popen[bytes]] = []

        def check() -> None:
            for process in started:
                if process.poll() is not None:
                    said.seek(0)
                    tail = said.read()[-2000:].decode(errors="replace")
                    raise RuntimeError(f"{process.args} ended with status {process.returncode}: {tail}")

        try:
            for command in commands:
                started.append(subprocess.Popen(command, cwd=ROOT, env=merged, stdout=subprocess.DEVNULL, stderr=said))
            yield check
        finally:
            _stop(started)


def _stop(started: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(
    condition: Callable[[], Any], *, seconds: float = 120, pause: float = 0.02, check: Callable[[], None] | None = None
) -> None:
    """Wait for the condition; `check` may raise meanwhile. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if check:
            check()
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark waited in vain")
        time.sleep(pause)


def value(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    """The first column of the first row."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def p99(numbers: Sequence[float]) -> float:
    """The 99th percentile; with less than 100 numbers close to the largest."""
    return _at(numbers, 0.99)


def p95(numbers: Sequence[float]) -> float:
    return _at(numbers, 0.95)


def _at(numbers: Sequence[float], share: float) -> float:
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
