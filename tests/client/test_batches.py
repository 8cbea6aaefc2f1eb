"""Batches at a real server with a worker: created, followed, collected, by Python and by `flask batches`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from jobsapp.client import Client, Conflict, NewJob, TimedOut
from tests.cli.test_remote import places
from tests.client.conftest import Server
from tests.processes import ROOT

__all__ = ["places"]

DEADLINE = 60.0


def test_a_batch_is_created_watched_retried_and_collected(client: Client, tmp_path: Path) -> None:
    jobs = [NewJob("echo", {"text": str(number)}, weight=2.0) for number in range(3)]
    bad = NewJob("fail", {"how": "permanent"})
    batch = client.batches.create([*jobs, bad], name="From Python", on_complete=NewJob("echo", {"text": "$batchId"}))
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    done = client.batches.watch(batch, timeout=DEADLINE, console=console)
    assert (done.status, done.counts.completed, done.counts.failed) == ("failed", 3, 1)
    assert "From Python" in console.file.getvalue()  # type: ignore[attr-defined]
    assert [job.error and job.error.type for job in client.batches.jobs(batch, status="failed")] == ["Permanent"]
    file = client.batches.results(batch, tmp_path / "results.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["completed"] * 3 + ["failed"]
    assert file.size == (tmp_path / "results.jsonl").stat().st_size
    assert client.batches.retry(batch).id == batch.id
    assert client.batches.wait(batch, DEADLINE).counts.failed == 1
    with pytest.raises(Conflict, match="has ended"):
        client.batches.cancel(batch)
    assert next(client.batches.list()).id == batch.id


def test_more_than_one_request_takes_go_in_several(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsapp.client.batches.AT_ONCE", 2)
    batch = client.batches.create([NewJob("echo", {}) for _ in range(5)])
    assert (batch.total_jobs, batch.closed_at is not None) == (5, True)
    assert client.batches.wait(batch, DEADLINE).status == "completed"
    waits = client.batches.create([], closed=False)
    with pytest.raises(TimedOut):
        client.batches.wait(waits, 0.1)
    assert client.batches.cancel(waits, reason="no more").status == "completed", "it had no jobs"


def test_the_commands(server: Server, places: dict[str, str], tmp_path: Path) -> None:
    import subprocess
    import sys

    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "flask", "--app", "app", "batches", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=places, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        return done.stdout.strip() or done.stderr.strip()

    file = tmp_path / "jobs.jsonl"
    file.write_text('{"type": "echo", "data": {"text": "a"}}\n\n{"type": "echo", "weight": 3}\n')
    batch_id = run("create", str(file), "--name", "From a file", "--on-success", '{"type": "echo"}')
    assert run("watch", batch_id) == "completed: 2 completed"
    assert json.loads(run("show", batch_id))["totalJobs"] == 2
    assert "From a file" in run("list")
    assert len(run("results", batch_id, "--output", str(tmp_path / "out.jsonl"))) == 64
    assert "has ended" in run("cancel", batch_id, code=1)
    assert "No job of the batch has failed" in run("retry", batch_id, code=1)
    file.write_text('{"type": "fail", "maxAttempts": 1}\n')
    opened = run("create", str(file), "--open")
    assert run("add", opened, str(file)) == "1"
    assert run("close", opened).partition(": ")[0] in ("running", "failed")
    assert run("watch", opened, code=1) == "failed: 2 failed"
    assert run("failures", opened).splitlines()[1].startswith("2 ")
    file.write_text('{"type": "echo"}\n{"data": {}}\n')
    assert "line 2" in run("create", str(file), code=1)
