"""A run of a workflow is told, and its steps only where the rule says so."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.channels import NewChannel
from jobsapp.services.jobs import NewJob
from tests.notifications.conftest import Post
from tests.workflow_walk import Walk

STEPS: dict[str, Any] = {
    "a": {"input": {"text": "one"}},
    "b": {"input": {"text": "two"}, "forEach": ["x", "y"], "needs": ["a"]},
}


@pytest.mark.parametrize(("said", "told"), [({}, 1), ({"without_steps": False}, 4)])
def test_steps_are_told_only_where_the_rule_says_so(
    post: Post,
    walk: Walk,
    services: Services,
    admin: Actor,
    connection: psycopg.Connection[Any],
    said: dict[str, bool],
    told: int,
) -> None:
    post.rule(admin, services.channels.create(admin, NewChannel("browser", "Here")), events=("completed",), **said)
    run = walk.start(STEPS)
    assert run.status == "completed"
    jobs = connection.execute("SELECT job_id FROM notifications").fetchall()
    assert (run.id,) in jobs
    assert len(jobs) == told


def test_a_step_that_waits_long_is_not_told(
    post: Post, walk: Walk, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    post.rule(admin, services.channels.create(admin, NewChannel("browser", "Here")), events=("waiting-long",))
    walk.start(STEPS, work=False)
    other = services.jobs.create(admin, NewJob("echo", {}))[0]
    connection.execute("UPDATE notification_rules SET created_at = created_at - interval '1 hour', waiting_at = NULL")
    connection.execute("UPDATE job_queue SET run_at = run_at - interval '11 minutes'")
    connection.execute("UPDATE notification_rules SET looked_at = '2020-01-01'")
    assert connection.execute("SELECT count(*) FROM job_queue WHERE type = 'echo'").fetchone() == (2,)
    post.tick()
    assert connection.execute("SELECT job_id FROM notifications").fetchall() == [(other.id,)]
