"""`flask jobs` at a server somewhere: the same commands, without the application in their process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_light import SEEN
from tests.client.conftest import Server, server
from tests.processes import ROOT

__all__ = ["server"]


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, str]:
    """What a machine has in its environment that knows a server and nothing of its databases."""
    clean = {name: value for name, value in server.processes.environment.items() if not name.startswith("JOBSAPP_")}
    return {**clean, "DATABASE_URL": "", "REDIS_URL": "", "JOBSAPP_URL": server.url, "JOBSAPP_TOKEN": server.token}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SEEN, "jobs", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_job_from_its_creation_to_its_end(places: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("four")
    created = run(places, "create", "make-file", "--file", f"source={tmp_path / 'in.txt'}", "--name", "From afar")
    job_id, *seen = created.stdout.split()
    assert " ".join(seen) == "exit 0 web False orm False"
    watched = run(places, "watch", job_id)
    printed, _, end = watched.stdout.rpartition("\nexit ")
    assert json.loads(printed)["result"] == {"characters": 4}
    assert end.startswith("0")
    assert "From afar" in watched.stderr
    assert job_id in run(places, "list", "--owner", "me", "--json").stdout


def test_jobs_after_others_and_trees(places: dict[str, str]) -> None:
    first = run(places, "create", "echo", "--run-at", "2027-11-23T18:00:00Z").stdout.split()[0]
    second = run(places, "create", "echo", "--after", first, "--on-parent-failure", "fail").stdout.split()[0]
    assert run(places, "cancel", first, "--tree").stdout.startswith("cancelled")
    assert json.loads(run(places, "show", second).stdout.rpartition("\nexit ")[0])["status"] == "cancelled"
    retried = run(places, "retry", first, "--tree").stdout.split()[0]
    assert retried in ("pending", "active", "completed")


@pytest.mark.parametrize(
    ("changes", "arguments", "sentence"),
    [
        ({"JOBSAPP_TOKEN": ""}, (), "With --server give a token too"),
        ({"JOBSAPP_TOKEN": "wrong"}, (), "The token is unknown, revoked or expired"),
        ({}, ("--user", "ann@example.org"), "leave out --user"),
        ({"JOBSAPP_URL": "http://127.0.0.1:1"}, (), "did not answer"),
        ({}, ("--server", "http://127.0.0.1:1"), "JOBSAPP_TOKEN is for the server of JOBSAPP_URL"),
        ({}, ("--server", "jobs.example.org", "--token", "x"), "is not the address of a server"),
        ({"JOBSAPP_URL": ""}, (), "DATABASE_URL"),
    ],
)
def test_what_is_missing_is_one_sentence(
    places: dict[str, str], changes: dict[str, str], arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    done = run(places | changes | {"JOBSAPP_DATA_DIR": str(tmp_path)}, "list", *arguments)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "exit 0" not in done.stdout
