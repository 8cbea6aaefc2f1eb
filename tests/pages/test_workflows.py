"""Workflows in the pages: kept, started, answered and gone on with, without a script."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from jobsapp.core.workflows import read
from jobsapp.pages.graph import graph_of
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.store import workflows as workflow_store
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
    editor = page.get("/workflows/new").text
    assert "<code>${{ input.source }}</code> what the run was given" in editor
    assert "<code>echo</code>" in editor
    token = token_in(editor)
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


def test_whoever_starts_one_may_name_the_run(walk: Walk, sign_in: SignIn) -> None:
    walk.services.workflows.save(walk.actor, "greet", SOURCE)
    page = sign_in(walk.actor)
    token = token_in(page.get("/workflows/greet").text)
    named = {"csrf_token": token, "input.who": "", "name": "Greet <Ana>"}
    assert 'name="name" value="Greet &lt;Ana&gt;"' in page.post("/workflows/greet", data=named).text
    started = page.post("/workflows/greet", data=named | {"input.who": "Ana"})
    assert walk.services.jobs.get(walk.actor, UUID(started.location.rpartition("/")[2])).name == "Greet <Ana>"
    long = page.post("/workflows/greet", data=named | {"input.who": "Ana", "name": "x" * 201})
    assert (long.status_code, "name: " in long.text) == (422, True)


def test_run_again_leaves_the_name_to_the_workflow_unless_somebody_gave_one(walk: Walk, sign_in: SignIn) -> None:
    walk.services.workflows.save(walk.actor, "greet", "name: Greet ${{ input.who }}\n" + SOURCE)
    page = sign_in(walk.actor)
    for name, shown in ((None, ""), ("Mine", "Mine")):
        job = walk.services.workflows.start(walk.actor, "greet", {"who": "Ana"}, name=name)
        again = page.get(f"/jobs/new/workflow-execution?from={job.id}").text
        assert f'name="name" value="{shown}"' in again


def test_a_failed_run_goes_on_with_other_input(walk: Walk, sign_in: SignIn) -> None:
    job = walk.start({"a": {"type": "steps", "input": {"steps": "${{ input.list[0] }}"}}}, {"list": [0]})
    page = sign_in(walk.actor)
    shown = page.get(f"/jobs/{job.id}").text
    assert f'href="/jobs/{job.id}/resume"' in shown
    assert 'data-refresh="5"' in shown
    token = token_in(page.get(f"/jobs/{job.id}/resume").text)
    page.post(f"/jobs/{job.id}/resume", data={"csrf_token": token, "input.text": "x", "input.list": "[1]"})
    assert walk.on(job.id).status == "completed"


def test_what_a_step_waits_for_is_said_on_the_page(walk: Walk, sign_in: SignIn) -> None:
    job = walk.start({"paid": {"waitFor": {"event": "paid"}}})
    page = sign_in(walk.actor)
    here = f"/jobs/{job.id}"
    shown = page.get(here).text
    assert f'action="{here}/events"' in shown
    form = {"csrf_token": token_in(shown), "event": "paid", "payload": "{"}
    page.post(f"{here}/events", data=form)
    assert "Its data is no JSON, from line 1, column 2 on" in page.get(here).text
    for payload, why in (
        ("9" * 5000, "Its data has too long a number"),
        ("[" * 20_000, "too many lists in one another"),
        ("[" * 100 + "]" * 100, "payload: is nested more than 64 levels deep"),
        ("[NaN]", "payload.0: is not a finite number"),
    ):
        page.post(f"{here}/events", data={**form, "payload": payload})
        assert why in page.get(here).text
    page.post(f"{here}/events", data={**form, "event": "paied", "payload": ""})
    assert "no step waits for &#39;paied&#39;" in page.get(here).text
    page.post(f"{here}/events", data={**form, "payload": '{"amount": 7}'})
    done = walk.on(job.id)
    assert (done.status, done.result["paid"]) == ("completed", {"amount": 7})


def test_the_list_tells_the_last_run_and_how_many_run_now(
    walk: Walk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = walk.services.workflows.start
    for name, step in {"asks": "{waitFor: {event: paid}}", "says": "{type: echo}", "new": "{type: echo}"}.items():
        walk.services.workflows.save(walk.actor, name, f"steps: {{a: {step}}}")
    for name in ("says", "asks", "asks"):
        last = walk.on(start(walk.actor, name, {}).id)
    walk.services.jobs.cancel(walk.actor, start(walk.actor, "asks", {}).id)
    page = sign_in(walk.actor)
    told = [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in page.get("/workflows").text.split("<li>")]
    asks, new, says = (next(one for one in told if one.startswith(name)) for name in ("asks", "new", "says"))
    assert "last run Active" in asks
    assert "2 running now" in asks
    assert "no runs yet" in new
    assert "last run Completed" in says
    assert "running now" not in says
    assert last.status == "active"
    monkeypatch.setattr(workflow_store, "RUNNING_COUNTED", 2)
    assert "2 or more running now" in page.get("/workflows").text


def test_a_viewer_is_offered_nothing_to_do(walk: Walk, viewer: object, sign_in: SignIn) -> None:
    walk.services.workflows.save(walk.actor, "greet", SOURCE)
    page = sign_in(viewer)  # type: ignore[arg-type]
    for address in ("/workflows", "/workflows/greet"):
        text = page.get(address).text
        assert "New workflow" not in text
        assert "Edit…" not in text
        assert ">Start<" not in text


def test_a_workflow_is_deleted_and_its_runs_stay(walk: Walk, sign_in: SignIn) -> None:
    services, page = walk.services, sign_in(walk.actor)
    services.workflows.save(walk.actor, "greet", "steps: {a: {type: echo}}")
    job = walk.on(services.workflows.start(walk.actor, "greet", {}).id)
    nightly = NewSchedule("workflow-execution", {"workflow": "greet"}, "Every night", cron="30 2 * * *")
    schedule = services.schedules.create(walk.actor, nightly)
    assert 'href="/workflows/greet/delete"' in page.get("/workflows/greet").text
    asked = page.get("/workflows/greet/delete").text
    assert f'<a href="/schedules/{schedule.id}">Every night</a>' in asked
    assert ">Delete</button>" not in asked
    token = {"csrf_token": token_in(page.get("/workflows/new").text)}
    assert page.post("/workflows/greet/delete", data=token).status_code == 409
    services.schedules.delete(walk.actor, schedule.id)
    assert ">Delete</button>" in page.get("/workflows/greet/delete").text
    deleted = page.post("/workflows/greet/delete", data=token, follow_redirects=True)
    assert "The workflow greet was deleted." in deleted.text
    assert page.get("/workflows/greet").status_code == 404
    shown = page.get(f"/jobs/{job.id}").text
    assert "greet, version 1, deleted since" in shown
    assert 'href="/workflows/greet' not in shown


def test_the_page_of_many_steps_fits_a_wide_window() -> None:
    steps: dict[str, dict[str, Any]] = {"s0": {"type": "echo"}}
    for at in range(1, 31):
        steps[f"s{at}"] = {"type": "echo", "needs": [f"s{(at - 1) // 5 * 5}"]}
    graph = graph_of(read({"steps": steps}))
    assert (len(graph.nodes), graph.fits) == (31, True)
    boxes = {(node.x, node.y) for node in graph.nodes}
    assert len(boxes) == 31, "none lies on another"
    line = {f"s{at}": {"type": "echo", "needs": [f"s{at - 1}"] if at else []} for at in range(30)}
    assert not graph_of(read({"steps": line})).fits
