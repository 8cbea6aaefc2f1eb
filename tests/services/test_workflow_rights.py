"""Nobody lets the workflows of others do what those have not asked for, and none holds up the rest."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Forbidden, InvalidInput
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.workflow_walk import Walk

ONE = "steps: {a: {type: echo, input: {text: one}}}"
TWO = ONE.replace("one", "two")


def test_a_member_does_not_change_the_workflow_of_somebody_else(
    services: Services, admin: Actor, operator: Actor, member: Actor
) -> None:
    services.workflows.save(admin, "nightly", ONE)
    with pytest.raises(Forbidden, match="change workflows of others"):
        services.workflows.save(member, "nightly", TWO)
    services.jobs._session.rollback()
    assert services.workflows.save(operator, "nightly", TWO).version == 2
    assert services.workflows.save(member, "own", ONE).version == 1
    assert services.workflows.save(member, "own", TWO).version == 2


def test_the_name_of_a_deleted_one_stays_that_of_who_had_it(
    walk: Walk, services: Services, admin: Actor, member: Actor, operator: Actor, stranger: Actor
) -> None:
    workflows = services.workflows
    workflows.save(admin, "nightly", ONE)
    waits = workflows.start(admin, "nightly", {})
    workflows.delete(admin, "nightly")
    with pytest.raises(Forbidden, match="change workflows of others"):
        # What waits would run as who started it, and hand on their secrets.
        workflows.save(member, "nightly", ONE.replace("one", "mine"))
    services.jobs._session.rollback()
    assert walk.on(waits.id).status == "failed"
    assert workflows.save(stranger, "nightly", ONE).version == 1
    assert workflows.save(operator, "nightly", ONE).version == 2


def test_another_input_is_said_by_the_owner_alone_and_is_approved_anew(
    walk: Walk, services: Services, operator: Actor
) -> None:
    steps = {
        "ask": {"waitFor": {"approval": {}}},
        "go": {"needs": ["ask"], "type": "steps", "input": {"steps": "${{ input.list[0] }}"}},
    }
    job = walk.start(steps, {"list": [0]})
    runs = services.workflow_runs
    runs.answer(walk.actor, job.id, "ask", approved=True, fields={})
    assert walk.on(job.id).status == "failed"
    with pytest.raises(Forbidden, match="who started"):
        runs.resume(operator, job.id, {"list": [2]})
    services.jobs._session.rollback()
    runs.resume(walk.actor, job.id, {"list": [2]})
    job = walk.on(job.id)
    assert (job.status, walk.states(job.id)) == ("active", {"ask": "waiting", "go": "pending"})
    runs.answer(walk.actor, job.id, "ask", approved=True, fields={})
    assert walk.on(job.id).status == "completed"


@pytest.mark.parametrize("value", ["Bearer abc", "${{ input.text }}"])
def test_no_secret_stands_in_a_definition(services: Services, admin: Actor, value: str) -> None:
    data = {"operation": "http", "secretHeaders": {"authorization": value}}
    definition = {"steps": {"call": {"type": "bulk-operation", "input": data}}}
    with pytest.raises(InvalidInput, match=r"input\.secretHeaders.*may hold no secret"):
        services.jobs.create(admin, NewJob("workflow-execution", {"definition": definition}))


def test_a_run_has_so_many_items_and_no_more(walk: Walk) -> None:
    many: dict[str, Any] = {f"s{at}": {"forEach": "input.list", "width": 1} for at in range(6)}
    job = walk.start(many, {"list": list(range(999))}, work=False)
    assert list(walk.states(job.id).values()).count("failed") == 1


def test_a_time_that_is_none_fails_its_step(walk: Walk) -> None:
    job = walk.start({"a": {"waitFor": {"until": "${{ input.text }}"}}}, {"text": "0001-01-01T00:00:00+14:00"})
    assert (job.status, walk.states(job.id)) == ("failed", {"a": "failed"})


def test_the_job_of_a_step_stays_until_its_workflow_has_heard_of_its_end(
    walk: Walk, services: Services, connection: psycopg.Connection[Any]
) -> None:
    job = walk.start({"a": {}, "b": {"needs": ["a"]}}, work=False)
    assert walk.drain("echo") == 1
    connection.execute("UPDATE jobs SET completed_at = now() - interval '9 days' WHERE type = 'echo'")
    assert services.cleanup.for_organization(walk.actor, days=1) == 0
    assert walk.on(job.id).status == "completed"
    connection.execute("UPDATE jobs SET completed_at = now() - interval '9 days' WHERE type = 'echo'")
    assert services.cleanup.for_organization(walk.actor, days=1) == 2
