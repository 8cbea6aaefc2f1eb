"""`flask up` as a person runs it: cold, again, after `kill -9`, and with what can be wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.embedded.conftest import ROOT, gone, linux_only, wait_until

OWN = ("DATABASE_URL", "REDIS_URL")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JOBSAPP_")}
    for name in OWN:
        clean.pop(name, None)
    return {**clean, "JOBSAPP_DATA_DIR": str(tmp_path / "var"), "JOBSAPP_PORT": str(port), "JOBSAPP_WORKERS": "1"}


def up(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "up"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Ready: "), process.communicate()
    return line


def sentence(environment: dict[str, str]) -> str:
    """What a start that must fail says. There is one line of it, and a status that is not 0."""
    process = up(environment)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out == ""
    assert err.count("\n") == 1, err
    return err


@linux_only
def test_cold_start_then_killed_then_again_with_the_same_data(environment: dict[str, str], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{environment['JOBSAPP_PORT']}"
    first = up(environment)
    line = ready_line(first)
    assert line.startswith(f"Ready: {address}  Sign in once with {address}/")
    servers = tmp_path / "var" / "servers.json"
    assert servers.stat().st_mode & 0o777 == 0o600
    assert json.loads(servers.read_text())["public_url"] == address
    database_url = json.loads(servers.read_text())["database_url"]
    assert "is running on" in sentence(environment)

    children = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.communicate()
    wait_until(lambda: all(gone(child.pid) for child in children), 20)

    second = up(environment)
    ready_line(second)
    assert json.loads(servers.read_text())["database_url"] == database_url
    with urllib.request.urlopen(f"{address}/readyz", timeout=10) as answer:
        assert answer.status == 200
    children = psutil.Process(second.pid).children(recursive=True)
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=30)
    assert second.returncode == 0
    assert all(gone(child.pid) for child in children)
    assert not servers.exists()


def test_a_taken_port_is_one_sentence(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(environment["JOBSAPP_PORT"])))
        other.listen()
        assert "is taken by another program" in sentence(environment)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DATABASE_URL", "postgresql://127.0.0.1:1/x", "PostgreSQL cannot be reached at DATABASE_URL"),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "Redis does not answer at REDIS_URL"),
        ("JOBSAPP_PORT", "many", "JOBSAPP_PORT"),
        ("JOBSAPP_COLOUR", "red", "JOBSAPP_COLOUR is not a setting"),
    ],
)
def test_a_wrong_setting_is_one_sentence(environment: dict[str, str], variable: str, value: str, said: str) -> None:
    assert said in sentence({**environment, variable: value})
