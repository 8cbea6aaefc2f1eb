"""Real workers: a run whose work-horse is killed goes on in another one; a cancel ends it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until

PARTS = 36
SENTENCE = "In the year {} the harbour saw {} ships that unloaded coal, salt and timber from the north. "
TEXT = "\n\n".join(
    f"# Part {n}\n\n" + "".join(SENTENCE.format(1800 + n, n * i) for i in range(1, 8)) for n in range(PARTS)
)
MODULE = "tests.processors.document_processing.often"


@pytest.fixture
def source(services: Services, admin: Actor) -> UUID:
    receiver = services.files.receiver()
    receiver.write(TEXT.encode())
    return services.files.register(admin, receiver, "harbour.md").id


def create(services: Services, admin: Actor, source: UUID, **options: Any) -> UUID:
    data = {"documents": [str(source)], **options}
    return services.jobs.create(admin, NewJob("document-processing", data))[0].id


def bytes_saved(connection: psycopg.Connection[Any], job_id: UUID) -> int:
    row = connection.execute("SELECT checkpoint -> 'vectors' ->> 1 FROM jobs WHERE id = %s", [job_id]).fetchone()
    return int(row[0] or 0) if row else 0


def artifact(services: Services, job: Job, name: str) -> Path:
    return services.files.path(next(one for one in job.artifacts if one.name == name))


def test_a_killed_run_goes_on_where_it_was(
    services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any], source: UUID
) -> None:
    with Processes(settings, lease_seconds=600.0, processors=MODULE) as processes:
        worker = processes.flask("worker", "--queues", "document-processing", "--concurrency", "1")
        job_id = create(services, admin, source)
        wait_until(lambda: bytes_saved(connection, job_id) > 0, "vectors are saved")
        os.kill(max(descendants(worker.pid)), signal.SIGKILL)
        # Who reads it again cannot come to the right end.
        (settings.files_dir / str(source)[-2:] / str(source)).write_bytes(b"\xff" * len(TEXT.encode()))
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    resumed = [line.message for line in services.jobs.log(admin, job_id) if line.message.startswith("Resumed: ")]
    assert resumed[0] == "Resumed: 1 documents are done already."
    assert f"of {PARTS} vectors are made already." in resumed[1]
    assert artifact(services, job, "harbour.md").read_text().split() == TEXT.split()
    vectors = np.load(artifact(services, job, "vectors.npy"))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.ones(PARTS), atol=1e-5)
    assert job.result is not None
    assert (job.result["chunks"], job.result["vectors"], job.result["failed"]) == (PARTS, PARTS, 0)
    assert list((settings.files_dir / "work").iterdir()) == [], "what was kept goes with the job"


# The second batch of the first attempt waits for a lock that the test has.
WAIT = """
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
CREATE TRIGGER wait_here BEFORE INSERT ON document_chunks FOR EACH ROW
WHEN (NEW.number = 8 AND NEW.attempt = 1) EXECUTE FUNCTION wait_here()"""
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
STORED = "SELECT attempt, count(*) FROM document_chunks GROUP BY attempt"


def test_a_run_killed_while_it_stores_leaves_no_double_rows(
    services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any], source: UUID
) -> None:
    connection.execute(WAIT)
    connection.execute("SELECT pg_advisory_lock(7)")
    try:
        with Processes(settings, lease_seconds=600.0, processors=MODULE) as processes:
            worker = processes.flask("worker", "--queues", "document-processing", "--concurrency", "1")
            job_id = create(services, admin, source, embed="none")
            wait_until(lambda: connection.execute(WAITING).fetchone(), "the second batch is being written")
            assert connection.execute(STORED).fetchall() == [(1, 5)]
            assert services.search.find(admin, "harbour").results == [], "the job is not completed"
            os.kill(max(descendants(worker.pid)), signal.SIGKILL)
            connection.execute("SELECT pg_advisory_unlock(7)")
            wait_for(services, admin, job_id, "completed")
        assert connection.execute(STORED).fetchall() == [(2, PARTS)]
        assert len(services.search.find(admin, "harbour", limit=100).results) == PARTS
    finally:
        # What the search has read it has locked.
        db.session.rollback()
        connection.execute("DROP FUNCTION wait_here CASCADE")


def test_a_cancel_ends_a_run_and_leaves_no_files(
    services: Services, admin: Actor, settings: Settings, connection: psycopg.Connection[Any], source: UUID
) -> None:
    with Processes(settings, processors=MODULE) as processes:
        processes.flask("worker", "--queues", "document-processing", "--concurrency", "1")
        job_id = create(services, admin, source)
        wait_until(lambda: bytes_saved(connection, job_id) > 0, "vectors are saved")
        services.jobs.cancel(admin, job_id)
        job = wait_for(services, admin, job_id, "cancelled")
    assert [attempt.outcome for attempt in job.history] == ["cancelled"]
    assert list(job.artifacts) == []
    assert list((settings.files_dir / "work").iterdir()) == []
