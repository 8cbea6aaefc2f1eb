"""How much is deleted at once, for whom nobody waits, and what it reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.runtime.duties import prune
from jobsapp.runtime.house import House
from jobsapp.runtime.pruner import FIRST_BATCH, SMALLEST_BATCH, Pruner, next_batch
from jobsapp.services import Services
from jobsapp.store import retention as store
from jobsapp.store.connect import connect
from jobsapp.store.statements import statement
from tests.services.old_jobs import insert_finished, insert_upload, set_rule, there

Connection = psycopg.Connection[Any]
Drain = Callable[[str], int]


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


def test_batches_take_their_measure_from_the_time_they_need() -> None:
    assert next_batch(100, 0.1, full=True, late=False) == 200
    assert next_batch(100, 0.8, full=True, late=False) == 100
    assert next_batch(100, 0.1, full=False, late=False) == 100
    assert next_batch(100, 1.1, full=True, late=False) == 50
    assert next_batch(100, 0.1, full=False, late=True) == 50
    assert next_batch(SMALLEST_BATCH, 9, full=True, late=False) == SMALLEST_BATCH
    assert next_batch(prune.BATCH, 0.1, full=True, late=False) == prune.BATCH
    assert SMALLEST_BATCH < FIRST_BATCH < prune.BATCH
