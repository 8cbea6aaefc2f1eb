"""Workflows in the pages: kept, started, answered and gone on with, without a script."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from tests.pages.conftest import SignIn, token_in
from tests.workflow_walk import Walk

SOURCE = """title: Greet
input:
  who: {type: text, title: Whom}
steps:
  hello:
    type: echo
    input: {text: "hello ${{ input.who }}"}
  ask:
    needs: [hello]
    waitFor:
      approval:
        title: Send it?
        fields: {price: {type: number, title: Price}}
"""


def test_a_workflow_is_written_checked_saved_started_and_answered(walk: Walk, sign_in: SignIn) -> None:
    page = sign_in(walk.actor)
    assert "No workflows yet" in page.get("/workflows").text
    token = token_in(page.get("/workflows/new").text)
    wrong = {"csrf_token": token, "name": "greet", "definition": SOURCE.replace("type: echo", "type: nothing")}
    answer = page.post("/workflows/new", data=wrong)
    assert answer.status_code == 422
    assert "steps.hello.type" in answer.text
    assert "there is no job type &#39;nothing&#39;" in answer.text
    checked = page.post("/workflows/check", data={"csrf_token": token, "definition": SOURCE})
    assert "Nothing is wrong." in checked.text
    assert checked.text.count('<g class="flow-node"') == 2
    saved = page.post("/workflows/new", data={"csrf_token": token, "name": "greet", "definition": SOURCE})
    assert saved.location == "/workflows/greet"
    assert "Greet" in page.get("/workflows").text
    refused = page.post("/workflows/greet", data={"csrf_token": token, "input.who": ""})
    assert (refused.status_code, "Is missing." in refused.text) == (422, True)
    started = page.post("/workflows/greet", data={"csrf_token": token, "input.who": "Ana"})
    job_id = started.location.rpartition("/")[2]
    assert "The workflow has not begun." in page.get(started.location).text
    walk.on(job_id)
    shown = page.get(started.location).text
    assert 'data-refresh="1"' in shown
    assert 'data-step="ask" data-step-state="waiting"' in shown
    form = page.get(f"{started.location}/steps/ask/answer")
    assert "Send it?" in form.text
    wrong_answer = page.post(f"{started.location}/steps/ask/answer", data={"csrf_token": token, "fields.price": "much"})
    assert (wrong_answer.status_code, "Must be a number." in wrong_answer.text) == (422, True)
    page.post(
        f"{started.location}/steps/ask/answer", data={"csrf_token": token, "fields.price": "12", "approve": "yes"}
    )
    job = walk.on(job_id)
    assert job.status == "completed"
    assert job.result["ask"]["fields"] == {"price": 12}
    step = page.get(f"/jobs/{walk.services.workflow_runs.steps(walk.actor, job.id).steps[0].job_id}").text
    assert f'The step hello of <a href="{started.location}">a workflow</a>' in step


def test_a_failed_run_goes_on_with_other_input(walk: Walk, sign_in: SignIn) -> None:
    job = walk.start({"a": {"type": "steps", "input": {"steps": "${{ input.list[0] }}"}}}, {"list": [0]})
    page = sign_in(walk.actor)
    shown = page.get(f"/jobs/{job.id}").text
    assert f'href="/jobs/{job.id}/resume"' in shown
    assert 'data-refresh="5"' in shown
    token = token_in(page.get(f"/jobs/{job.id}/resume").text)
    page.post(f"/jobs/{job.id}/resume", data={"csrf_token": token, "input.text": "x", "input.list": "[1]"})
    assert walk.on(job.id).status == "completed"


def test_a_viewer_is_offered_nothing_to_do(walk: Walk, viewer: object, sign_in: SignIn) -> None:
    walk.services.workflows.save(walk.actor, "greet", SOURCE)
    page = sign_in(viewer)  # type: ignore[arg-type]
    for address in ("/workflows", "/workflows/greet"):
        text = page.get(address).text
        assert "New workflow" not in text
        assert "Edit…" not in text
        assert ">Start<" not in text


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
