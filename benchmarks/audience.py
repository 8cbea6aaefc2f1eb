"""A crowd of clients (`benchmarks/crowd.py`) as seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.stage import ROOT


class Audience:
    """`seconds`: how long it took until all had their sockets."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._ask, self._answer = process.stdin, process.stdout
        self.seconds = float(self._line())

    def listen(self, seconds: float, *, first: bool = False) -> None:
        """Returns when all listen; `heard` tells what came."""
        self._ask.write(f"{seconds} {'first' if first else ''}\n")
        self._ask.flush()
        self._line()

    def heard(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._line())
        return found

    def _line(self) -> str:
        line = self._answer.readline()
        if not line:
            raise RuntimeError("the crowd could not take its seats, or left")
        return line


@contextmanager
def audience(address: str, token: str, count: int, *paths: str) -> Iterator[Audience]:
    command = [sys.executable, "-m", "benchmarks.crowd", address, token, str(count), *paths]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Audience(process)
        finally:
            process.kill()
