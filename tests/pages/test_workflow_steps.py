"""The steps of a run as a list, which says what its graph shows."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from tests.pages.conftest import SignIn
from tests.workflow_walk import Walk


def test_the_list_of_steps_tells_of_each_its_state_its_time_and_its_progress(
    walk: Walk, sign_in: SignIn, connection: psycopg.Connection[Any]
) -> None:
    steps = {"quick": {}, "long": {"type": "steps", "needs": ["quick"]}, "last": {"needs": ["long"]}}
    walk.services.queues.pause(walk.actor, "steps")
    run = walk.start(steps)
    connection.execute(
        """UPDATE jobs SET status = 'active', worker = 'somebody', attempts = 1, started_at = now(),
        progress_current = 2, progress_total = 5, progress_message = 'Two of five' WHERE id = %s""",
        [{one.key: one.job_id for one in walk.services.workflow_runs.steps(walk.actor, run.id).steps}["long"]],
    )
    page = sign_in(walk.actor).get(f"/jobs/{run.id}").text
    said = dict(re.findall(r'data-list-step="(\w+)">(.*?)(?=data-list-step|</ol>)', page, re.DOTALL))
    assert set(said) == {"quick", "long", "last"}
    assert "Completed" in said["quick"]
    assert re.search(r'<span class="muted num">[\d.]+ m?s</span>', said["quick"]), said["quick"]
    assert "Running" in said["long"]
    assert re.search(r"since <time datetime=", said["long"])
    assert '<progress max="100" value="40"' in said["long"]
    assert "Two of five" in said["long"]
    assert "Not begun" in said["last"]
    assert "<time" not in said["last"]
