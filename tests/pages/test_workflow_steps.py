"""The steps of a run as a list, which says what its graph shows."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from tests.pages.conftest import SignIn
from tests.workflow_walk import Walk


def test_each_step_is_shown_with_its_state_its_time_and_its_progress(
    walk: Walk, sign_in: SignIn, connection: psycopg.Connection[Any]
) -> None:
    job = walk.start({"first": {}, "second": {"type": "steps", "needs": ["first"]}, "third": {"needs": ["second"]}},
                     work=False)  # fmt: skip
    walk.drain("echo")
    walk.on(job.id, work=False)
    second = walk.services.workflow_runs.steps(walk.actor, job.id).steps[1].job_id
    connection.execute("DELETE FROM job_queue WHERE job_id = %s", [second])
    connection.execute(
        """UPDATE jobs SET status = 'active', worker = 'w', attempts = 1, started_at = now(),
           progress_current = 2, progress_total = 5, progress_message = 'Step 2' WHERE id = %s""",
        [second],
    )
    connection.execute("UPDATE workflow_steps SET ended_at = began_at + interval '83 seconds' WHERE key = 'first'")
    text = sign_in(walk.actor).get(f"/jobs/{job.id}").text
    _, first, running, last = re.split(r'<li class="flow-step" data-list-step="\w+">', text)
    assert "Completed" in first
    assert "1 min 23 s" in first
    assert '<progress max="100" value="40"' in running
    assert "Step 2" in running
    assert re.search(r"since <time datetime=", running)
    assert "Not begun" in last
    assert "<progress" not in last
