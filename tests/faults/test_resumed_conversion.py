"""A conversion whose work-horse is killed goes on in another one, from where it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until

LINE = b'{"id":"%07d","amount":1.50,"note":"a \\"quoted\\" word, and a comma"}\n'
CELLS = '%07d,1.50,"a ""quoted"" word, and a comma"\n'
ROWS = 1_200_000


def upload(services: Services, actor: Actor) -> UUID:
    receiver = services.files.receiver()
    for start in range(0, ROWS, 10_000):
        receiver.write(b"".join(LINE % n for n in range(start, start + 10_000)))
    return services.files.register(actor, receiver, "orders.jsonl").id


def share_saved(connection: psycopg.Connection[Any], job_id: UUID) -> float:
    row = connection.execute("SELECT checkpoint ->> 'done' FROM jobs WHERE id = %s", [job_id]).fetchone()
    return float(row[0] or 0) if row else 0.0


def spoil(path: Path, share: float) -> None:
    """Make that share of a file unreadable, from its beginning: who reads it again cannot come to the right end."""
    with path.open("r+b") as file:
        file.write(b"\xff" * int(path.stat().st_size * share))


def test_a_killed_conversion_goes_on_where_it_was(
    services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    source = upload(services, admin)
    bytes_in = services.files.get(admin, source).size
    with Processes(settings, lease_seconds=600.0, processors="tests.faults.often") as processes:
        worker = processes.flask("worker", "--queues", "data-conversion", "--concurrency", "1")
        data = {"source": str(source), "targetFormat": "csv"}
        job_id = services.jobs.create(admin, NewJob("data-conversion", data))[0].id
        wait_until(lambda: share_saved(connection, job_id) > 0.4, "a checkpoint is written")
        os.kill(max(descendants(worker.pid)), signal.SIGKILL)
        spoil(settings.files_dir / str(source)[-2:] / str(source), 0.3)
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    (resumed,) = [line for line in services.jobs.log(admin, job_id) if line.message.startswith("Resumed at ")]
    assert resumed.attempt == 2
    text = services.files.path(job.artifacts[0]).read_text()
    assert text == "id,amount,note\n" + "".join(CELLS % n for n in range(ROWS))
    assert job.result is not None
    facts = {key: job.result[key] for key in ("rows", "rowsRejected", "bytesIn", "bytesOut")}
    assert facts == {"rows": ROWS, "rowsRejected": 0, "bytesIn": bytes_in, "bytesOut": len(text)}
    assert list((settings.files_dir / "work").iterdir()) == [], "what was kept goes with the job"
