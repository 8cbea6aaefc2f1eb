"""The pruning deletes what the rules give up, and nothing else, and holds up nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis

from jobsapp.bus.hints import CHANNEL
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.retention import UPLOADS
from jobsapp.errors import Conflict, NotFound
from jobsapp.runtime.duties import prune
from jobsapp.runtime.house import House, build_house
from jobsapp.runtime.pruner import Pruner
from jobsapp.services import Services
from jobsapp.services.new_schedules import NewSchedule
from tests.processes import Processes, wait_until
from tests.services.old_jobs import insert_finished, insert_upload, set_rule, there
from tests.store import recount

Connection = psycopg.Connection[Any]
Drain = Callable[[str], int]


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


def test_what_a_schedule_names_stays_until_it_has_ended(
    services: Services, house: House, admin: Actor, connection: Connection
) -> None:
    """An upload, also when the last job that read it goes, and a job that made what the schedule reads."""
    set_rule(services, admin, 10, scope=UPLOADS)
    set_rule(services, admin, 10)
    unread, shared, made = files = [insert_upload(connection, admin.organization_id, days=11) for _ in range(3)]
    maker, reader = insert_finished(connection, admin.organization_id, 2, days=11)
    connection.execute("UPDATE files SET job_id = %s WHERE id = %s", [maker, made])
    connection.execute("INSERT INTO job_inputs (job_id, file_id) VALUES (%s, %s)", [reader, shared])
    schedules = [
        services.schedules.create(admin, NewSchedule("make-file", {"source": str(one)}, every_seconds=3600)).id
        for one in files
    ]
    services.schedules.pause(admin, schedules[0])
    assert Pruner(house).prune() == 1, "the job that read what a schedule names, and nothing else"
    assert (services.cleanup.count_uploads(days=10), services.cleanup.delete_uploads(days=10)) == (0, 0)
    assert services.cleanup.chosen(admin, [maker]) == []
    with pytest.raises(Conflict, match="a schedule names it"):
        services.uploads.delete(admin, unread)
    assert there(connection, [maker, reader]) == [maker]
    assert there(connection, files, "files") == sorted(files)
    services.schedules.edit(admin, schedules[0], {"data": {}})
    connection.execute("UPDATE schedules SET ended_at = now(), next_run_at = NULL, fire_at = NULL")
    # Whatever it has looked at, it begins anew.
    set_rule(services, admin, 9, scope=UPLOADS)
    set_rule(services, admin, 9)
    assert Pruner(house).prune() == 3
    assert there(connection, files, "files") == []


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


def test_the_keeper_prunes(services: Services, admin: Actor, connection: Connection, settings: Settings) -> None:
    set_rule(services, admin, 30)
    old = insert_finished(connection, admin.organization_id, 3, days=31)
    with Processes(settings) as processes:
        keeper = processes.flask("keeper")
        wait_until(lambda: there(connection, old) == [], "the keeper has pruned")
        assert processes.end(keeper) == 0
