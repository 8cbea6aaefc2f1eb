"""Many schedules that are due at once cost a few statements, and each is still for itself."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.services import Services
from tests.services.schedules import NOON, Connection, due_from, hours, jobs_of, make, ran, tick
from tests.services.test_cleanup import upload

MANY = 40


def due(services: Services, actor: Actor, connection: Connection, **said: Any) -> UUID:
    made = make(services, actor, **said).id
    due_from(connection, made, NOON)
    return made


def test_many_are_made_by_few_statements_each_as_its_owner(
    services: Services, admin: Actor, member: Actor, connection: Connection
) -> None:
    more = {"description": "for all", "priority": 7, "max_attempts": 2, "timeout_seconds": 60.0}
    mine = [due(services, member, connection, name=f"mine {n}", overlap="queue", **more) for n in range(MANY)]
    theirs = [due(services, admin, connection, name=f"theirs {n}", data={"text": f"t{n}"}) for n in range(MANY)]
    seen: list[str] = []
    note = lambda *arguments: seen.append(arguments[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", note)
    assert tick(services, NOON) == MANY * 2
    event.remove(db.engine, "before_cursor_execute", note)
    assert len(seen) < MANY
    for one, owner in [*((one, member) for one in mine), *((one, admin) for one in theirs)]:
        assert ran(connection, one) == [(NOON, "created")]
        shown = services.schedules.get(owner, one)
        (job_id,) = jobs_of(connection, one)
        assert (shown.next_runs[0], shown.last_run_at, shown.runs) == (NOON + hours(1), NOON, 1)
        assert shown.last_job_id == job_id
        assert services.jobs.get(owner, job_id).user_id == owner.user_id
    job = services.jobs.get(member, jobs_of(connection, mine[3])[0])
    found = (job.name, job.description, job.priority, job.max_attempts, job.timeout_seconds, job.followed, job.data)
    assert found == ("mine 3", "for all", 7, 2, 60.0, True, {"text": "hi"})
    assert services.jobs.get(admin, jobs_of(connection, theirs[5])[0]).data == {"text": "t5"}
    waiting = connection.execute("SELECT count(*) FROM job_queue WHERE due AND blockers = 0").fetchone()
    assert waiting == (MANY * 2,)
    tick(services, NOON + hours(1))
    assert [outcome for _, outcome in ran(connection, mine[0])] == ["created", "created"]
    assert connection.execute("SELECT count(*) FROM job_queue WHERE blockers = 1").fetchone() == (MANY,)


def test_what_was_made_before_is_not_made_again_among_many(
    services: Services, member: Actor, connection: Connection
) -> None:
    before = due(services, member, connection, overlap="allow")
    tick(services, NOON)
    others = [due(services, member, connection, overlap="allow") for _ in range(3)]
    due_from(connection, before, NOON)
    assert tick(services, NOON) == 4
    assert [ran(connection, one) for one in (before, *others)] == [[(NOON, "created")]] * 4
    assert len(services.jobs.newest(member.organization_id, 10)) == 4
    assert tick(services, NOON + timedelta(seconds=59)) == 0


def test_one_that_was_missed_or_has_ended_is_told_among_many(
    services: Services, member: Actor, connection: Connection
) -> None:
    plain = due(services, member, connection, overlap="allow")
    missed = make(services, member, overlap="allow", missed="once").id
    due_from(connection, missed, NOON - hours(3))
    ends = due(services, member, connection, overlap="allow", ends_at=NOON + timedelta(minutes=1))
    tick(services, NOON)
    assert ran(connection, plain) == [(NOON, "created")]
    assert [outcome for _, outcome in ran(connection, missed)] == ["missed", "created"]
    assert ran(connection, ends) == [(NOON, "created")]
    assert services.schedules.get(member, ends).next_runs == []


def test_a_file_that_goes_in_that_moment_pauses_one_and_holds_up_no_other(
    services: Services, member: Actor, connection: Connection
) -> None:
    file_id = upload(services, member)
    reads = due(services, member, connection, type="make-file", data={"source": str(file_id)})
    other = due(services, member, connection)
    gone: list[UUID] = []

    def go(*arguments: Any) -> None:
        if "INSERT INTO job_inputs" in arguments[2] and not gone:
            gone.append(file_id)
            connection.execute("DELETE FROM files")

    event.listen(db.engine, "before_cursor_execute", go)
    tick(services, NOON)
    event.remove(db.engine, "before_cursor_execute", go)
    assert gone == [file_id]
    assert ran(connection, other) == [(NOON, "created")]
    assert ran(connection, reads) == []
    reason = connection.execute("SELECT pause_reason FROM schedules WHERE id = %s", [reads]).fetchone()
    assert reason is not None
    assert "there is no file" in reason[0]


def test_no_run_and_a_single_one_are_made_without_a_fault(
    services: Services, member: Actor, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Most looks find nothing that is due: they must not leave an error in the log of PostgreSQL each time."""
    caplog.set_level(logging.INFO, "jobsapp.services.firing")
    assert tick(services, NOON) == 0
    one = due(services, member, connection)
    assert tick(services, NOON) == 1
    assert ran(connection, one) == [(NOON, "created")]
    assert caplog.text == ""
