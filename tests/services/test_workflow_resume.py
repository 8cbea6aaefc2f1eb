"""Going on with a run that failed: what is kept, with what it goes on, and what is told of it afterwards."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Job, WorkflowStep
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.jobs import NewJob
from tests.workflow_walk import Walk


def steps_of(services: Services, job: Job) -> list[WorkflowStep]:
    return services.jobs._session.query(WorkflowStep).filter_by(run_id=job.id).order_by(WorkflowStep.place).all()


def upload(services: Services, walk: Walk) -> str:
    receiver = services.files.receiver()
    receiver.write(b"a,b")
    return str(services.files.register(walk.actor, receiver, "in.csv").id)


def test_resuming_keeps_what_completed_and_may_change_the_input(walk: Walk, services: Services) -> None:
    steps = {"a": {}, "b": {"type": "steps", "needs": ["a"], "input": {"steps": "${{ input.list[0] }}"}}}
    job = walk.start(steps, {"list": [0]})
    assert job.status == "failed"
    first = steps_of(services, job)[0].job_id
    with pytest.raises(InvalidInput, match=r"input\.other: there is no such field"):
        services.workflow_runs.resume(walk.actor, job.id, {"other": 1})
    services.workflow_runs.resume(walk.actor, job.id, {"list": [2]})
    job = walk.on(job.id)
    assert (job.status, job.attempts) == ("completed", 2)
    assert job.result == {"b": {"steps": 2, "resumedAt": 0}}
    services.jobs._session.expire_all()
    assert {one.key: one.job_id for one in steps_of(services, job)}["a"] == first
    with pytest.raises(Conflict):
        services.workflow_runs.resume(walk.actor, job.id)


def test_a_retry_of_a_failed_run_goes_on_from_the_failed_step(walk: Walk, services: Services) -> None:
    job = walk.start({"a": {}, "b": {"type": "fail", "needs": ["a"], "retry": {"attempts": 1}}})
    services.jobs.retry(walk.actor, job.id)
    job = walk.on(job.id)
    assert job.status == "failed"
    rows = services.jobs._session.query(Job).filter(Job.type.in_(["echo", "fail"])).all()
    assert sorted(one.type for one in rows) == ["echo", "fail", "fail"]


def test_what_is_told_of_a_run_is_the_input_that_it_went_on_with(walk: Walk, services: Services) -> None:
    job = walk.start({"a": {"type": "steps", "input": {"steps": "${{ input.list[0] }}"}}}, {"list": [0], "text": "x"})
    services.workflow_runs.resume(walk.actor, job.id, {"list": [2]})
    job = walk.on(job.id)
    view = services.views.job(job).seen_by(walk.actor)
    assert (job.status, view.data["input"]) == ("completed", {"text": "x", "list": [2]})
    again, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", view.data))
    assert walk.on(again.id).status == "completed"
    page, _ = services.audit.page(walk.actor, AuditFilter())
    assert ["list"] in [one.details.get("changed") for one in page], "what it began with is no more told as it was"


def test_a_retry_with_the_same_input_changes_nothing_of_what_is_told(walk: Walk, services: Services) -> None:
    job = walk.start({"a": {"type": "steps", "input": {"steps": "${{ input.list[0] }}"}}}, {"list": [0]})
    services.workflow_runs.resume(walk.actor, job.id, {"list": [0]})
    assert walk.on(job.id).data["input"] == {"list": [0]}
    page, _ = services.audit.page(walk.actor, AuditFilter())
    assert [one.details for one in page if one.action == "workflow-resumed"] == [{}]


def test_no_cleanup_deletes_a_file_that_only_the_new_input_names(
    walk: Walk, services: Services, connection: psycopg.Connection[Any]
) -> None:
    first, second, spare = (upload(services, walk) for _ in range(3))
    definition = {
        "input": {"source": {"type": "file"}},
        "steps": {"a": {"type": "fail", "retry": {"attempts": 1}, "input": {}}},
    }
    data = {"definition": definition, "input": {"source": first}}
    job = walk.on(services.jobs.create(walk.actor, NewJob("workflow-execution", data))[0].id)
    assert job.status == "failed"
    with pytest.raises(InvalidInput, match=r"input\.source: there is no file"):
        services.workflow_runs.resume(walk.actor, job.id, {"source": str(job.id)})
    services.jobs._session.rollback()
    services.workflow_runs.resume(walk.actor, job.id, {"source": second})
    connection.execute("UPDATE files SET created_at = now() - interval '400 days'")
    assert services.cleanup.delete_uploads(days=30) == 1
    left = {str(row[0]) for row in connection.execute("SELECT id FROM files")}
    assert left & {first, second, spare} == {first, second}
