"""Helpers for tests with real servers and real processes. They wait on conditions, with a deadline."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jobsapp.errors import ConfigError

ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def start_script(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that has `code` as its program; read what it prints from `stdout`."""
    argv = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def as_nobody(act: Callable[[], object]) -> str:
    """Run `act` in a child that is not root. Returns the sentence of its ConfigError, or ''."""
    if os.geteuid() != 0:
        return _sentence(act)
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, _sentence(act).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.wait()
    return said


def _sentence(act: Callable[[], object]) -> str:
    try:
        act()
    except ConfigError as error:
        return error.detail
    except Exception as error:
        return f"not a ConfigError: {error!r}"
    return ""


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are a thing of Linux")
