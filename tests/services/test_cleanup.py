"""Cleanup deletes what is old and finished, with its files, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.errors import Forbidden, InvalidInput, NotFound
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.jobs import JobFilter, NewJob
from jobsapp.store import cleanup as store

Drain = Callable[[str], int]
OLD = "UPDATE jobs SET completed_at = now() - interval '40 days' WHERE id = ANY(%s)"


def upload(services: Services, actor: Actor, text: str = "abc") -> UUID:
    receiver = services.files.receiver()
    receiver.write(text.encode())
    return services.files.register(actor, receiver, "in.txt").id


def make(services: Services, actor: Actor, **data: Any) -> UUID:
    return services.jobs.create(actor, NewJob("make-file", data))[0].id


def ids(services: Services, actor: Actor) -> set[UUID]:
    return {job.id for job in services.jobs.page(actor, JobFilter())[0]}


def test_other_organisations_and_unfinished_jobs_stay(
    services: Services, admin: Actor, stranger: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    old, young, theirs = make(services, admin), make(services, admin), make(services, stranger)
    drain("make-file")
    waiting = make(services, admin)
    connection.execute(OLD, [[old, theirs]])
    connection.execute("UPDATE jobs SET created_at = now() - interval '90 days' WHERE id = %s", [waiting])
    assert services.cleanup.for_organization(admin, days=30) == 1
    assert ids(services, admin) == {young, waiting}
    assert ids(services, stranger) == {theirs}
    assert services.cleanup.delete(days=30) == 1
    assert ids(services, stranger) == set()


def test_who_began_it_is_told_though_the_first_batch_is_done_again(
    services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make(services, admin)
    drain("make-file")
    connection.execute(OLD, [[old]])
    once = [store.BegunToRead()]
    really = store.delete_due

    def delete_due(*given: Any, **more: Any) -> Any:
        if once:
            raise once.pop()
        return really(*given, **more)

    monkeypatch.setattr(store, "delete_due", delete_due)
    assert services.cleanup.for_organization(admin, days=30) == 1
    assert not once
    told = [one.action for one in services.audit.page(admin, AuditFilter())[0]]
    assert told[:2] == [Action.CLEANUP, Action.CLEANUP_BEGUN]


def test_only_administrators(services: Services, member: Actor) -> None:
    with pytest.raises(Forbidden):
        services.cleanup.for_organization(member, days=30)


def test_days_are_checked(services: Services, admin: Actor) -> None:
    with pytest.raises(InvalidInput, match="days"):
        services.cleanup.for_organization(admin, days=-1)


def test_an_upload_goes_with_the_last_job_that_reads_it(
    services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    source = upload(services, admin)
    unused = upload(services, admin)
    first, second = (make(services, admin, source=str(source)) for _ in range(2))
    drain("make-file")
    connection.execute(OLD, [[first]])
    assert services.cleanup.delete(days=30) == 1
    assert services.files.get(admin, source).size == 3
    connection.execute(OLD, [[second]])
    assert services.cleanup.delete(days=30) == 1
    with pytest.raises(NotFound):
        services.files.get(admin, source)
    left = [path.name for path in services.settings.files_dir.rglob("*") if path.is_file()]
    assert left == [str(unused)]


def test_an_artifact_that_a_waiting_job_reads_stays(
    services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    first = make(services, admin)
    drain("make-file")
    made = services.views.job(services.jobs.get(admin, first)).artifacts[0].id
    reader = make(services, admin, source=str(made))
    connection.execute(OLD, [[first]])
    assert services.cleanup.delete(days=30) == 0
    drain("make-file")
    assert services.jobs.get(admin, reader).status == "completed"
    assert services.cleanup.delete(days=30) == 1


def test_batches(
    services: Services,
    admin: Actor,
    drain: Drain,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobsapp.services.cleanup.BATCH", 2)
    made = [make(services, admin) for _ in range(5)]
    drain("make-file")
    connection.execute(OLD, [made])
    assert services.cleanup.count(days=30) == 5
    assert services.cleanup.delete(days=30) == 5


def test_uploads_that_no_job_ever_read_go_when_they_are_old(
    services: Services, admin: Actor, stranger: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    old, theirs = upload(services, admin), upload(services, stranger)
    read = upload(services, admin)
    make(services, admin, source=str(read))
    drain("make-file")
    connection.execute("UPDATE files SET created_at = now() - interval '40 days'")
    young = upload(services, admin)
    assert services.cleanup.count_uploads(days=30) == 2
    assert services.cleanup.delete_uploads(days=30) == 2
    assert services.cleanup.count_uploads(days=30) == 0
    for gone in (old, theirs):
        assert not (services.settings.files_dir / str(gone)[-2:] / str(gone)).exists()
    assert set(services.files.names(admin, [old, read, young])) == {read, young}
    with pytest.raises(InvalidInput, match="days"):
        services.cleanup.delete_uploads(days=-1)


def test_uploads_go_in_batches(services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsapp.services.cleanup.BATCH", 2)
    for _ in range(5):
        upload(services, admin)
    assert services.cleanup.delete_uploads(days=0) == 5


def test_a_young_reader_outlives_the_artifact_it_read(
    services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    first = make(services, admin)
    drain("make-file")
    made = services.jobs.get(admin, first).artifacts[0].id
    reader = make(services, admin, source=str(made))
    drain("make-file")
    connection.execute(OLD, [[first]])
    assert services.cleanup.delete(days=30) == 1
    assert ids(services, admin) == {reader}
    connection.execute(OLD, [[reader]])
    assert services.cleanup.delete(days=30) == 1


def test_a_chain_of_old_jobs_goes_at_once(
    services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    source = upload(services, admin)
    first = make(services, admin, source=str(source))
    drain("make-file")
    made = services.jobs.get(admin, first).artifacts[0].id
    second = make(services, admin, source=str(made))
    drain("make-file")
    connection.execute(OLD, [[first, second]])
    assert services.cleanup.delete(days=30) == 2
    assert [path for path in services.settings.files_dir.rglob("*") if path.is_file()] == []


def test_sweep_removes_bytes_without_a_row(services: Services, admin: Actor) -> None:
    kept, orphan = upload(services, admin), upload(services, admin, "orphan")
    stale = services.files.receiver()
    fresh = services.files.receiver()
    day_before = time.time() - 2 * 24 * 3600
    for path in (services.files.path(services.files.get(admin, one)) for one in (kept, orphan)):
        os.utime(path, (day_before, day_before))
    os.utime(stale.path, (day_before, day_before))
    from jobsapp.extensions import db

    db.session.delete(services.files.get(admin, orphan))
    db.session.commit()
    assert services.cleanup.sweep() == 2
    assert services.files.path(services.files.get(admin, kept)).exists()
    assert fresh.path.exists()
    for receiver in (stale, fresh):
        receiver.close()
