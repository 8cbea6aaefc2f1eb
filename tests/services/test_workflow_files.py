"""Files that the input of a run names are held from the moment at which the run, or its schedule, is there."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule

Connection = psycopg.Connection[Any]
DEFINITION = "{input: {table: {type: file}}, steps: {a: {type: make-file, input: {source: '${{ input.table }}'}}}}"


@pytest.fixture
def uploaded(services: Services, admin: Actor, connection: Connection) -> UUID:
    """An upload that is old enough to be deleted."""
    services.workflows.save(admin, "count", DEFINITION)
    receiver = services.files.receiver()
    receiver.write(b"a,b")
    file_id = services.files.register(admin, receiver, "in.csv").id
    connection.execute("UPDATE files SET created_at = now() - interval '30 days'")
    return file_id


def said(file_id: object) -> dict[str, Any]:
    return {"workflow": "count", "input": {"table": str(file_id)}}


@pytest.mark.parametrize("many", [False, True])
def test_a_run_that_waits_holds_its_files(
    services: Services, admin: Actor, uploaded: UUID, connection: Connection, many: bool
) -> None:
    new = NewJob("workflow-execution", said(uploaded))
    run_id = services.jobs.create_many(admin, [new])[0][0] if many else services.jobs.create(admin, new)[0].id
    assert services.cleanup.delete_uploads(days=10) == 0
    connection.execute("DELETE FROM jobs WHERE id = %s", [run_id])
    assert services.cleanup.delete_uploads(days=10) == 1


def test_a_schedule_of_a_workflow_holds_its_files(services: Services, admin: Actor, uploaded: UUID) -> None:
    new = NewSchedule("workflow-execution", said(uploaded), every_seconds=3600)
    schedule = services.schedules.create(admin, new)
    assert services.cleanup.delete_uploads(days=10) == 0
    services.schedules.edit(admin, schedule.id, {"name": "Hourly", "data": said(uploaded)})
    assert services.cleanup.delete_uploads(days=10) == 0
    services.schedules.delete(admin, schedule.id)
    assert services.cleanup.delete_uploads(days=10) == 1


def test_a_file_that_there_is_not_is_told_before_anything_is_made(services: Services, admin: Actor) -> None:
    services.workflows.save(admin, "count", DEFINITION)
    with pytest.raises(InvalidInput, match=r"data\.input\.table: there is no file"):
        services.jobs.create(admin, NewJob("workflow-execution", said(uuid4())))
    with pytest.raises(InvalidInput, match=r"data\.input\.table: there is no file"):
        services.schedules.create(admin, NewSchedule("workflow-execution", said(uuid4()), every_seconds=3600))
    assert services.jobs.newest(admin.organization_id, 1) == []


def test_a_file_of_others_is_none(services: Services, admin: Actor, stranger: Actor, uploaded: UUID) -> None:
    services.workflows.save(stranger, "count", DEFINITION)
    with pytest.raises(InvalidInput, match=r"data\.input\.table: there is no file"):
        services.jobs.create(stranger, NewJob("workflow-execution", said(uploaded)))
