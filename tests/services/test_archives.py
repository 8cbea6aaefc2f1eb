"""What is archived is on disk before it is deleted."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyarrow.parquet as pq
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.archives import ArchiveName, Record
from jobsapp.core.sealing import MASK, SEALED
from jobsapp.errors import InvalidInput
from jobsapp.runtime.duties import prune
from jobsapp.runtime.house import House
from jobsapp.runtime.pruner import Pruner
from jobsapp.services import Services
from jobsapp.storage.archives import Archives
from jobsapp.store.connect import connect
from tests.processes import ROOT, Processes, wait_until
from tests.services.old_jobs import insert_finished, insert_upload, there
from tests.services.test_retention import set_rule
from tests.store.rows import insert_job

Connection = psycopg.Connection[Any]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def archive_files(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.archive_dir.rglob("*") if path.is_file())


def test_an_archive_holds_all_that_was_known(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings
) -> None:
    set_rule(services, admin, 30, archive="jsonl")
    ids = insert_finished(connection, admin.organization_id, 3, days=31, status="failed")
    connection.execute(
        """INSERT INTO job_attempts (job_id, number, worker, started_at, ended_at, outcome)
           VALUES (%s, 1, 'w', now(), now(), 'failed')""",
        [ids[0]],
    )
    connection.execute(
        """INSERT INTO job_logs (job_id, attempt, level, message)
           SELECT %s, 1, 'info', 'line ' || n FROM generate_series(1, 4500) AS n""",
        [ids[0]],
    )
    artifact = insert_upload(connection, admin.organization_id, days=31)
    connection.execute("UPDATE files SET job_id = %s WHERE id = %s", [ids[0], artifact])
    created = services.jobs.get(admin, ids[0]).created_at.astimezone(UTC)
    assert Pruner(house).prune() == 3
    (path,) = archive_files(settings)
    folder = settings.archive_dir / str(admin.organization_id) / f"{created:%Y-%m}"
    assert path == folder / f"{ids[0]}_{ids[2]}.jsonl.gz"
    first, *others = read_lines(path)
    assert [first["id"], *(one["id"] for one in others)] == [str(one) for one in ids]
    assert (first["type"], first["status"], first["data"], first["attempts"]) == ("echo", "failed", {"n": 0}, 1)
    assert first["error"]["message"] == "Line 7 is broken."
    assert [one["outcome"] for one in first["pastAttempts"]] == ["failed"]
    assert [one["id"] for one in first["artifacts"]] == [str(artifact)]
    assert [line["message"] for line in first["log"]] == [f"line {n}" for n in range(1, 4501)]
    assert datetime.fromisoformat(first["createdAt"]) == created
    (shown,), cursor = services.retention.archives(admin)
    assert (shown.jobs, shown.size, shown.format, cursor) == (3, path.stat().st_size, "jsonl", None)
    assert services.retention.archive(admin, shown.id)[1] == path
    assert services.retention.runs(admin)[0].archives == 1


def test_what_was_secret_is_in_no_archive(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings
) -> None:
    set_rule(services, admin, 30, archive="jsonl")
    (job_id,) = insert_finished(connection, admin.organization_id, 1, days=31)
    data = json.dumps({"token": MASK, SEALED: "cipher text"})
    connection.execute("UPDATE jobs SET data = %s WHERE id = %s", [data, job_id])
    assert Pruner(house).prune() == 1
    (path,) = archive_files(settings)
    assert read_lines(path)[0]["data"] == {"token": MASK}


def test_an_archive_as_parquet(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings, monkeypatch: Any
) -> None:
    monkeypatch.setattr("jobsapp.storage.parquet.GROUP_BYTES", 20)
    set_rule(services, admin, 30, archive="parquet")
    ids = insert_finished(connection, admin.organization_id, 3, days=31)
    connection.execute(
        "INSERT INTO job_logs (job_id, attempt, level, message) VALUES (%s, 1, 'info', 'done')", [ids[1]]
    )
    assert Pruner(house).prune() == 3
    (path,) = archive_files(settings)
    rows = pq.read_table(path).to_pylist()
    assert [row["id"] for row in rows] == [str(one) for one in ids]
    assert [json.loads(row["result"]) for row in rows] == [{"sum": 0}, {"sum": 1}, {"sum": 2}]
    assert [[line["message"] for line in row["log"]] for row in rows] == [[], ["done"], []]
    assert rows[0]["completedAt"].tzinfo is not None
    assert rows[0]["failedAt"] is None


def test_what_cannot_be_archived_is_not_deleted(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings
) -> None:
    set_rule(services, admin, 30, archive="jsonl")
    old = insert_finished(connection, admin.organization_id, 2, days=31)
    settings.archive_dir.parent.mkdir(parents=True, exist_ok=True)
    settings.archive_dir.write_text("in the way")
    prune.plan(connection, house)
    pruned = prune.tick(connection, house, house.hints())
    assert pruned is not None
    assert (pruned.deleted, pruned.late) == (0, True)
    assert there(connection, old) == old
    settings.archive_dir.unlink()
    assert Pruner(house).prune(at_once=True) == 2
    assert len(archive_files(settings)) == 1


CRASHING = """
import os, signal
from jobsapp.config import load_settings
from jobsapp.runtime.house import build_house
from jobsapp.runtime.pruner import Pruner
from jobsapp.storage.archives import Archives

write = Archives.write
def write_and_die(self, name, records):
    write(self, name, records)
    os.kill(os.getpid(), signal.SIGKILL)
Archives.write = write_and_die
Pruner(build_house(load_settings())).prune()
"""


def test_a_crash_between_archive_and_deletion_loses_nothing(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings
) -> None:
    set_rule(services, admin, 30, archive="jsonl")
    ids = insert_finished(connection, admin.organization_id, 5, days=31)
    environment = Processes(settings).environment
    died = subprocess.run([sys.executable, "-c", CRASHING], cwd=ROOT, env=environment, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    (path,) = archive_files(settings)
    wait_until(lambda: len(unlocked(connection, ids)) == 5, "PostgreSQL has let go of what the dead one held")
    assert services.retention.archives(admin) == ([], None)
    assert Pruner(house).prune(at_once=True) == 5
    assert archive_files(settings) == [path], "the same batch has the same name"
    assert [one["id"] for one in read_lines(path)] == [str(one) for one in ids]
    assert [one.jobs for one in services.retention.archives(admin)[0]] == [5]


def unlocked(connection: Connection, ids: list[UUID]) -> list[Any]:
    query = "SELECT id FROM jobs WHERE id = ANY(%s) FOR UPDATE SKIP LOCKED"
    return connection.execute(query, [ids]).fetchall()


def test_parquet_needs_pyarrow(
    services: Services, house: House, admin: Actor, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rule(services, admin, 30, archive="parquet")
    monkeypatch.setattr("jobsapp.services.retention.has_pyarrow", lambda: False)
    monkeypatch.setattr("jobsapp.storage.parquet.has_pyarrow", lambda: False)
    with pytest.raises(InvalidInput, match="needs pyarrow"):
        set_rule(services, admin, 40, archive="parquet")
    old = insert_finished(connection, admin.organization_id, days=31)
    assert Pruner(house).prune() == 0, "here the rule was made where there is one"
    assert there(connection, old) == old


def test_a_job_that_stays_after_all_takes_no_archive_with_it(
    services: Services,
    house: House,
    admin: Actor,
    connection: Connection,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first and the last of a batch stay. What is archived of them later must not take the place of the others."""
    ids = insert_finished(connection, admin.organization_id, 4, days=31)
    files = [insert_upload(connection, admin.organization_id, days=31) for _ in range(2)]
    for job_id, file_id in zip((ids[0], ids[-1]), files, strict=True):
        connection.execute("UPDATE files SET job_id = %s WHERE id = %s", [job_id, file_id])
    set_rule(services, admin, 30, archive="jsonl")
    write, readers = Archives.write, list[UUID]()

    def write_while_others_begin(self: Archives, name: ArchiveName, records: Iterable[Record]) -> tuple[int, str]:
        written = write(self, name, records)
        if not readers:
            readers.extend(insert_job(connection, admin.organization_id) for _ in files)
            for pair in zip(readers, files, strict=True):
                connection.execute("INSERT INTO job_inputs (job_id, file_id) VALUES (%s, %s)", pair)
        return written

    monkeypatch.setattr(Archives, "write", write_while_others_begin)
    prune.plan(connection, house)
    # The connection of the test is that of the others.
    with connect(settings.database_url, "test") as pruning:
        pruned = prune.tick(pruning, house, house.hints())
    assert pruned is not None
    assert (pruned.deleted, pruned.late) == (0, True)
    assert there(connection, ids) == ids
    assert Pruner(house).prune(at_once=True) == 2
    assert there(connection, ids) == [ids[0], ids[-1]]
    connection.execute("DELETE FROM job_inputs")
    connection.execute("UPDATE retention_walks SET round_at = now() - interval '25 hours'")
    assert Pruner(house).prune(at_once=True) == 2
    listed = services.retention.archives(admin)[0]
    held = [one["id"] for shown in listed for one in read_lines(services.retention.archive(admin, shown.id)[1])]
    assert sorted(held) == [str(one) for one in ids], "each in one archive"


def test_half_an_archive_is_swept(services: Services, admin: Actor, house: House, connection: Connection) -> None:
    set_rule(services, admin, 30, archive="jsonl")
    insert_finished(connection, admin.organization_id, days=31)
    Pruner(house).prune()
    (whole,) = archive_files(services.settings)
    old, young = whole.with_name("old.part"), whole.with_name("young.part")
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (0, 0))
    os.utime(whole, (0, 0))
    assert services.cleanup.sweep() == 1
    assert archive_files(services.settings) == sorted([whole, young])
