"""The pruning deletes what the rules give up, and nothing else; what is archived is on disk before."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyarrow.parquet as pq
import pytest
import redis

from jobsapp.bus.hints import CHANNEL
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.retention import UPLOADS
from jobsapp.errors import Forbidden, InvalidInput, NotFound
from jobsapp.runtime.duties import prune
from jobsapp.runtime.house import House, build_house
from jobsapp.runtime.pruner import FIRST_BATCH, SMALLEST_BATCH, Pruner, next_batch
from jobsapp.services import Services
from jobsapp.services.retention import NewRule
from jobsapp.store import retention as store
from jobsapp.store.connect import connect
from jobsapp.store.statements import statement
from tests.processes import ROOT, Processes, wait_until
from tests.services.old_jobs import insert_finished, insert_upload, there
from tests.store import recount

Connection = psycopg.Connection[Any]
Drain = Callable[[str], int]


def set_rule(services: Services, actor: Actor, days: int | None, **rule: str) -> None:
    services.retention.set_rule(actor, NewRule(days, **rule))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def archive_files(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.archive_dir.rglob("*") if path.is_file())


def test_without_a_rule_nothing_is_deleted(house: House, admin: Actor, connection: Connection) -> None:
    old = insert_finished(connection, admin.organization_id, 3, days=3000)
    insert_upload(connection, admin.organization_id, days=3000)
    assert Pruner(house).prune() == 0
    assert there(connection, old) == old


def test_the_most_specific_rule_decides_inside_its_organisation(
    services: Services, house: House, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    ours, theirs = admin.organization_id, stranger.organization_id
    set_rule(services, admin, 30)
    set_rule(services, admin, 90, status="failed")
    set_rule(services, admin, None, type="keep")
    set_rule(services, admin, 7, type="brief", status="completed")
    gone = [
        *insert_finished(connection, ours, 2, days=31),
        *insert_finished(connection, ours, 2, days=91, status="failed"),
        *insert_finished(connection, ours, days=31, status="cancelled", job_type="brief"),
        *insert_finished(connection, ours, days=8, job_type="brief"),
    ]
    kept = [
        *insert_finished(connection, ours, days=29),
        *insert_finished(connection, ours, days=31, status="failed"),
        *insert_finished(connection, ours, days=3000, job_type="keep"),
        *insert_finished(connection, ours, days=6, job_type="brief"),
        *insert_finished(connection, ours, days=8, status="cancelled", job_type="brief"),
        *insert_finished(connection, theirs, days=3000),
    ]
    assert Pruner(house).prune() == len(gone)
    assert there(connection, gone) == []
    assert there(connection, kept) == sorted(kept)
    assert recount.wrong(connection) == {}
    deleted = {(run.type, run.status): run.deleted for run in services.retention.runs(admin)}
    assert deleted == {("", ""): 3, ("", "failed"): 2, ("brief", "completed"): 1}
    assert services.retention.runs(stranger) == []


def test_what_has_not_ended_stays_however_old(
    services: Services, house: House, admin: Actor, connection: Connection
) -> None:
    set_rule(services, admin, 1)
    old = insert_finished(connection, admin.organization_id, 3, days=100, status="failed")
    connection.execute("UPDATE jobs SET status = 'pending', failed_at = NULL WHERE id = %s", [old[0]])
    connection.execute("UPDATE jobs SET status = 'active', failed_at = NULL WHERE id = %s", [old[1]])
    assert Pruner(house).prune() == 1
    assert there(connection, old) == old[:2]


def test_the_installation_speaks_for_organisations_that_do_not(
    services: Services, settings: Settings, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    house = build_house(settings.model_copy(update={"retention_days": 30}))
    set_rule(services, stranger, None)
    ours = insert_finished(connection, admin.organization_id, days=31)
    upload = insert_upload(connection, admin.organization_id, days=31)
    theirs = insert_finished(connection, stranger.organization_id, days=31)
    assert Pruner(house).prune() == 2
    assert there(connection, ours + theirs) == theirs
    assert there(connection, [upload], "files") == []


def test_uploads_that_no_job_reads_have_a_rule_too(
    services: Services, house: House, admin: Actor, stranger: Actor, drain: Drain, connection: Connection
) -> None:
    from tests.services.test_cleanup import make, upload

    set_rule(services, admin, 10, scope=UPLOADS)
    gone = insert_upload(connection, admin.organization_id, days=11)
    read = insert_upload(connection, admin.organization_id, days=11)
    young = upload(services, admin)
    theirs = insert_upload(connection, stranger.organization_id, days=11)
    house.storage.path(gone).parent.mkdir(parents=True, exist_ok=True)
    house.storage.path(gone).write_text("abc")
    connection.execute(
        "INSERT INTO job_inputs (job_id, file_id) VALUES (%s, %s)", [make(services, admin, source=str(young)), read]
    )
    assert Pruner(house).prune() == 1
    assert there(connection, [gone, read, young, theirs], "files") == sorted([read, young, theirs])
    assert not house.storage.path(gone).exists()


def test_files_go_and_lists_hear_of_it(
    services: Services, house: House, admin: Actor, drain: Drain, connection: Connection, settings: Settings
) -> None:
    from tests.services.test_cleanup import make

    set_rule(services, admin, 30)
    (old,) = insert_finished(connection, admin.organization_id, days=31)
    young = make(services, admin)
    drain("make-file")
    made = services.jobs.get(admin, young).artifacts[0].id
    connection.execute("UPDATE files SET job_id = %s WHERE id = %s", [old, made])
    with redis.Redis.from_url(settings.redis_url).pubsub() as heard:
        heard.subscribe(CHANNEL)
        assert heard.get_message(timeout=10) is not None
        assert Pruner(house).prune() == 1
        message = heard.get_message(timeout=10)
    assert message is not None
    assert message["data"].decode().split()[:3] == [old.hex, admin.organization_id.hex, "job-deleted"]
    assert not house.storage.path(made).exists()


def test_a_batch_at_a_time_and_other_organisations_in_between(
    services: Services, house: House, admin: Actor, stranger: Actor, connection: Connection
) -> None:
    for actor in (admin, stranger):
        set_rule(services, actor, 30)
        insert_finished(connection, actor.organization_id, 5, days=40)
    prune.plan(connection, house)
    turns = []
    while (pruned := prune.tick(connection, house, house.hints(), limits={False: 2})) is not None:
        turns.append((pruned.organization_id, pruned.deleted))
    assert [deleted for _, deleted in turns] == [2, 2, 2, 2, 1, 1]
    assert all(turns[n][0] != turns[n + 1][0] for n in range(0, 6, 2))
    assert prune.tick(connection, house, house.hints()) is None, "at rest"
    prune.plan(connection, house, at_once=True)
    assert prune.tick(connection, house, house.hints()) is not None


def test_nobody_is_waited_for(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings
) -> None:
    set_rule(services, admin, 30)
    first, second = insert_finished(connection, admin.organization_id, 2, days=40)
    with psycopg.connect(settings.database_url) as other:
        other.execute("SELECT FROM jobs WHERE id = %s FOR UPDATE", [first])
        assert Pruner(house).prune() == 1
        assert there(connection, [first, second]) == [first]
    connection.execute("UPDATE retention_walks SET round_at = now() - interval '25 hours'")
    assert Pruner(house).prune(at_once=True) == 1


def test_what_is_locked_for_long_is_left_for_later(
    services: Services, house: House, admin: Actor, connection: Connection, settings: Settings, monkeypatch: Any
) -> None:
    monkeypatch.setattr(prune, "LOCK_SECONDS", 0.1)
    set_rule(services, admin, 30)
    (old,) = insert_finished(connection, admin.organization_id, days=40)
    upload = insert_upload(connection, admin.organization_id, days=40)
    connection.execute("INSERT INTO job_inputs (job_id, file_id) VALUES (%s, %s)", [old, upload])
    prune.plan(connection, house)
    with psycopg.connect(settings.database_url) as other:
        # As a job that is being created with the same input.
        other.execute("SELECT FROM files WHERE id = %s FOR KEY SHARE", [upload])
        pruned = prune.tick(connection, house, house.hints())
    assert pruned is not None
    assert pruned.late
    assert there(connection, [old]) == [old]
    assert prune.tick(connection, house, house.hints()) is None, "not at once again"
    assert Pruner(house).prune(at_once=True) == 1


def test_jobs_that_ended_late_are_found_within_a_day(
    services: Services, house: House, admin: Actor, connection: Connection
) -> None:
    set_rule(services, admin, 30)
    (late,) = insert_finished(connection, admin.organization_id, days=29, created_days=60)
    assert Pruner(house).prune() == 0
    connection.execute("UPDATE jobs SET completed_at = now() - interval '31 days' WHERE id = %s", [late])
    assert Pruner(house).prune(at_once=True) == 0, "the walk has passed it"
    connection.execute("UPDATE retention_walks SET round_at = now() - interval '25 hours'")
    assert Pruner(house).prune(at_once=True) == 1


def test_a_changed_rule_begins_anew(services: Services, house: House, admin: Actor, connection: Connection) -> None:
    set_rule(services, admin, 30)
    set_rule(services, admin, None, type="echo")
    (old,) = insert_finished(connection, admin.organization_id, days=40)
    assert Pruner(house).prune() == 0
    services.retention.remove_rule(admin, scope="jobs", type="echo")
    assert Pruner(house).prune() == 1
    assert there(connection, [old]) == []
    with pytest.raises(NotFound):
        services.retention.remove_rule(admin, scope="jobs", type="echo")


def test_no_walk_reads_more_than_its_part(
    services: Services, admin: Actor, stranger: Actor, settings: Settings, connection: Connection
) -> None:
    insert_finished(connection, stranger.organization_id, 3000, days=90)
    insert_finished(connection, admin.organization_id, 3000, days=50, job_type="keep")
    insert_finished(connection, admin.organization_id, 50, days=40)
    connection.execute("ANALYZE jobs")
    now = datetime.now(UTC)
    for job_type, index in (("", "jobs_of_organization"), ("echo", "jobs_of_type")):
        walk = store.Walk(admin.organization_id, "jobs", job_type, "", 30, None, now, now)
        values = {
            "organization_id": walk.organization_id,
            "type": job_type,
            "statuses": ["completed"],
            "others": ["completed/keep"],
            "after": store.FIRST,
            "before": store.first_id_at(now - timedelta(days=30)),
            "days": 30,
            "window": 200,
            "limit": 20,
        }
        name = "walk_jobs_of_type" if job_type else "walk_jobs"
        with connect(settings.database_url, "test") as house_connection:
            told = house_connection.execute(
                f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {statement(name)}",  # type: ignore[arg-type]
                values,
            ).fetchone()
        assert told is not None
        scans = [node for node in nodes(told[0][0]["Plan"]) if node.get("Relation Name") == "jobs"]
        assert [(node["Node Type"], node["Index Name"]) for node in scans] == [("Index Scan", index)]
        assert scans[0]["Actual Rows"] <= 200
        assert scans[0].get("Rows Removed by Filter", 0) == 0
        assert not [
            node for node in nodes(told[0][0]["Plan"]) if node["Node Type"] == "Sort" and node["Plans"] == scans
        ]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


def test_an_artifact_that_a_waiting_job_reads_stays(
    services: Services, house: House, admin: Actor, drain: Drain, connection: Connection
) -> None:
    from tests.services.test_cleanup import make

    set_rule(services, admin, 30)
    (old,) = insert_finished(connection, admin.organization_id, days=31)
    upload = insert_upload(connection, admin.organization_id, days=31)
    connection.execute("UPDATE files SET job_id = %s WHERE id = %s", [old, upload])
    reader = make(services, admin, source=str(upload))
    assert Pruner(house).prune() == 0
    connection.execute("DELETE FROM job_inputs WHERE job_id = %s", [reader])
    prune.plan(connection, house, at_once=True)
    connection.execute("UPDATE retention_walks SET position = NULL")
    assert Pruner(house).prune(at_once=True) == 1


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


def test_the_keeper_prunes(services: Services, admin: Actor, connection: Connection, settings: Settings) -> None:
    set_rule(services, admin, 30)
    old = insert_finished(connection, admin.organization_id, 3, days=31)
    with Processes(settings) as processes:
        keeper = processes.flask("keeper")
        wait_until(lambda: there(connection, old) == [], "the keeper has pruned")
        assert processes.end(keeper) == 0


def test_batches_take_their_measure_from_the_time_they_need() -> None:
    assert next_batch(100, 0.1, full=True, late=False) == 200
    assert next_batch(100, 0.8, full=True, late=False) == 100
    assert next_batch(100, 0.1, full=False, late=False) == 100
    assert next_batch(100, 1.1, full=True, late=False) == 50
    assert next_batch(100, 0.1, full=False, late=True) == 50
    assert next_batch(SMALLEST_BATCH, 9, full=True, late=False) == SMALLEST_BATCH
    assert next_batch(prune.BATCH, 0.1, full=True, late=False) == prune.BATCH
    assert SMALLEST_BATCH < FIRST_BATCH < prune.BATCH


def test_what_the_next_pruning_will_delete(
    services: Services, admin: Actor, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WINDOW", 10)
    set_rule(services, admin, 30)
    set_rule(services, admin, None, type="keep")
    insert_finished(connection, admin.organization_id, 4, days=31)
    insert_finished(connection, admin.organization_id, 3, days=31, job_type="keep")
    everything, keep = services.retention.rules(admin)
    assert everything.outlook is not None
    assert (everything.outlook.due, everything.outlook.is_more) == (4, False)
    assert keep.outlook is None
    insert_finished(connection, admin.organization_id, 9, days=31)
    outlook = services.retention.rules(admin)[0].outlook
    assert outlook is not None
    assert outlook.is_more


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 36501}, "days"),
        ({"days": 1, "scope": "logs"}, "scope"),
        ({"days": 1, "status": "active"}, "status"),
        ({"days": 1, "type": "x" * 201}, "type"),
        ({"days": 1, "type": "a\0b"}, "type"),
        ({"days": 1, "archive": "zip"}, "archive"),
        ({"days": None, "archive": "jsonl"}, "archive"),
        ({"days": 1, "scope": "uploads", "type": "echo"}, "type"),
        ({"days": 1, "scope": "uploads", "status": "failed"}, "status"),
        ({"days": 1, "scope": "uploads", "archive": "jsonl"}, "archive"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(services: Services, admin: Actor, rule: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.retention.set_rule(admin, NewRule(**rule))
    assert [one.field for one in refused.value.errors] == [field]
    assert services.retention.rules(admin) == []


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


def test_only_administrators(services: Services, member: Actor, admin: Actor) -> None:
    retention = services.retention
    for call in (
        lambda: retention.rules(member),
        lambda: retention.set_rule(member, NewRule(30)),
        lambda: retention.remove_rule(member, scope="jobs"),
        lambda: retention.runs(member),
        lambda: retention.archives(member),
        lambda: retention.archive(member, admin.user_id),
    ):
        with pytest.raises(Forbidden, match="administrator"):
            call()
