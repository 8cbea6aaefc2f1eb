"""What a step says of its job: how often it is tried, how long it may take; and runs that a due schedule begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.new_schedules import NewSchedule
from tests.services.schedules import NOON, due_from, jobs_of, ran, tick
from tests.workflow_walk import Walk

Connection = psycopg.Connection[Any]
AT_ONCE = {"firstSeconds": 0, "jitter": 0}


def job_of(walk: Walk, run: Job, key: str) -> Job:
    found = {one.key: one.job_id for one in walk.services.workflow_runs.steps(walk.actor, run.id).steps}[key]
    assert found is not None
    return walk.services.jobs.get(walk.actor, found)


def test_a_step_is_tried_as_often_as_it_says(walk: Walk) -> None:
    steps = {
        "lucky": {"type": "fail", "input": {"untilAttempt": 3}, "retry": {"attempts": 3, **AT_ONCE}},
        "unlucky": {"type": "fail", "input": {"untilAttempt": 3}, "retry": {"attempts": 2, **AT_ONCE}},
    }
    run = walk.start(steps)
    assert walk.states(run.id) == {"lucky": "completed", "unlucky": "failed"}
    lucky, unlucky = job_of(walk, run, "lucky"), job_of(walk, run, "unlucky")
    assert (lucky.attempts, lucky.max_attempts, lucky.result) == (3, 3, {"attempt": 3})
    assert (unlucky.attempts, unlucky.max_attempts) == (2, 2)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error["message"] == "unlucky: attempt 2 failed"


def test_between_the_attempts_of_a_step_is_the_pause_that_it_says(walk: Walk, connection: Connection) -> None:
    pauses = {"attempts": 3, "firstSeconds": 600, "factor": 6, "ceilingSeconds": 3000, "jitter": 0}
    run = walk.start({"a": {"type": "fail", "retry": pauses}})
    for pause in (600, 3000):
        job = job_of(walk, run, "a")
        row = connection.execute(
            "SELECT run_at - (SELECT max(ended_at) FROM job_attempts WHERE job_id = jobs.id) FROM jobs WHERE id = %s",
            [job.id],
        ).fetchone()
        assert row is not None
        assert abs(row[0] - timedelta(seconds=pause)) < timedelta(seconds=5)
        assert walk.states(run.id) == {"a": "running"}
        connection.execute("UPDATE jobs SET run_at = now() WHERE id = %s", [job.id])
        connection.execute("UPDATE job_queue SET run_at = now(), due = true WHERE job_id = %s", [job.id])
        walk.services.jobs._session.rollback()
        walk.on(run.id)
    assert walk.states(run.id) == {"a": "failed"}


def test_a_step_that_takes_longer_than_it_may_is_stopped(walk: Walk) -> None:
    slow = {"type": "steps", "input": {"steps": 1000, "seconds": 0.01}, "timeoutSeconds": 0.3}
    run = walk.start({"slow": {**slow, "retry": {"attempts": 1}}, "after": {"needs": ["slow"]}})
    job = job_of(walk, run, "slow")
    assert (job.status, job.timeout_seconds, job.attempts) == ("failed", 0.3, 1)
    assert job.error is not None
    assert job.error["type"] == "Timeout"
    assert walk.states(run.id) == {"slow": "failed", "after": "pending"}
    assert run.error is not None
    assert run.error["message"].startswith("slow: ")


@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_run_of_a_workflow_is_begun_when_its_schedule_is_due(
    walk: Walk, services: Services, connection: Connection, overlap: str
) -> None:
    services.workflows.save(walk.actor, "greet", "steps: {a: {waitFor: {event: go}}}")
    said = NewSchedule("workflow-execution", {"workflow": "greet"}, "Hourly", cron="0 * * * *", overlap=overlap)
    made = services.schedules.create(walk.actor, said)
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    (first,) = jobs_of(connection, made.id)
    connection.execute("UPDATE jobs SET run_at = now()")
    connection.execute("UPDATE job_queue SET run_at = now(), due = true")
    assert walk.on(first).status == "active"
    # The last one still waits for its event: it is a job like any other to the rule about those.
    tick(services, NOON + timedelta(hours=1))
    assert [outcome for _, outcome in ran(connection, made.id)] == [
        "created",
        "created" if overlap == "allow" else "overlapped",
    ]
