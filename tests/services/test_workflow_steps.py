"""What a step says of its job: retry and timeout; and a run that a schedule starts when it is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.new_schedules import NewSchedule
from tests.services.schedules import NOON, due_from, tick
from tests.workflow_walk import Walk

Connection = psycopg.Connection[Any]


def job_of(walk: Walk, run: Job, key: str) -> Job:
    steps = walk.services.workflow_runs.steps(walk.actor, run.id).steps
    return walk.services.jobs.get(walk.actor, next(one.job_id for one in steps if one.key == key))


def test_a_failed_step_is_tried_again_as_it_says(walk: Walk, connection: Connection) -> None:
    retry = {"attempts": 3, "firstSeconds": 3600, "factor": 2, "ceilingSeconds": 5000, "jitter": 0}
    run = walk.start({"a": {"type": "fail", "retry": retry}, "b": {"needs": ["a"]}})
    pauses = []
    for attempt in (1, 2):
        job = job_of(walk, run, "a")
        assert (job.status, job.attempts, job.max_attempts) == ("pending", attempt, 3)
        pauses.append(round((job.run_at - datetime.now(UTC)).total_seconds(), -2))
        assert walk.states(run.id) == {"a": "running", "b": "pending"}, "it has not failed yet"
        connection.execute("UPDATE job_queue SET run_at = now(), due = true WHERE job_id = %s", [job.id])
        walk.on(run.id)
    assert pauses == [3600, 5000]
    run = walk.on(run.id)
    assert (run.status, run.error["message"]) == ("failed", "a: attempt 3 failed")
    assert job_of(walk, run, "a").attempts == 3


def test_a_step_has_the_time_that_it_says(walk: Walk) -> None:
    run = walk.start({"a": {"type": "steps", "timeoutSeconds": 7.5, "priority": 4}}, work=False)
    job = job_of(walk, run, "a")
    assert (job.timeout_seconds, job.priority) == (7.5, 4)
    late = {"type": "steps", "input": {"steps": 1, "seconds": 5}, "timeoutSeconds": 0.2, "retry": {"attempts": 1}}
    run = walk.start({"a": late})
    assert (run.status, job_of(walk, run, "a").error["type"]) == ("failed", "Timeout")
    assert run.error["message"].startswith("a: ")


def test_tries_time_and_priority_of_a_step_are_those_of_its_job(walk: Walk, services: Services) -> None:
    own = {"retry": {"attempts": 7, "firstSeconds": 1.5, "factor": 3}, "timeoutSeconds": 12.5, "priority": 4}
    undo = {"type": "echo", "retry": {"attempts": 9}, "timeoutSeconds": 20}
    steps = {
        "a": own | {"compensate": undo},
        "b": {"needs": ["a"], "type": "steps", "input": {"steps": "${{ input.list[0] }}"}},
    }
    job = walk.start(steps, {"list": [0]}, priority=2)
    view = services.workflow_runs.steps(walk.actor, job.id)
    made = services.jobs.get(walk.actor, view.steps[0].job_id)
    assert (made.max_attempts, made.timeout_seconds, made.priority) == (7, 12.5, 4)
    assert (made.retry["first"], made.retry["factor"]) == (1.5, 3)
    undone = services.jobs.get(walk.actor, view.steps[0].undo.job_id)
    assert (undone.max_attempts, undone.timeout_seconds, undone.priority) == (9, 20, 2)
    assert (job.status, job.progress_message) == ("failed", "")


def test_a_run_of_a_schedule_that_is_due_starts_a_workflow(
    walk: Walk, services: Services, connection: Connection
) -> None:
    services.workflows.save(walk.actor, "greet", "input: {who: {type: text}}\nsteps: {a: {type: echo}}")
    nightly = NewSchedule(
        "workflow-execution", {"workflow": "greet", "input": {"who": "Ana"}}, "Every night", cron="30 2 * * *"
    )
    made = services.schedules.create(walk.actor, nightly)
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    (job_id,) = services.jobs.newest(walk.actor.organization_id, 1)
    assert walk.on(job_id).result == {"a": {"text": "hello"}}
    assert services.schedules.of_job(walk.actor, job_id) == (made.id, "Every night")
