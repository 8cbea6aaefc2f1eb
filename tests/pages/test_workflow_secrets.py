"""Secrets of workflows in the pages and in the API: given in a form, kept, and shown to nobody."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.config import Settings
from tests.database import everything
from tests.pages.conftest import SignIn, token_in
from tests.workflow_walk import Walk

SOURCE = """input:
  token: {type: secret, title: Key}
  who: {type: text, default: Ana}
steps:
  call:
    type: gossip
    retry: {attempts: 1}
    input: {token: "${{ input.token }}", fail: true}
"""
FIRST, SECOND = "first-s3cret", "second-s3cret"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


def test_one_is_given_kept_and_given_anew(walk: Walk, sign_in: SignIn, connection: psycopg.Connection[Any]) -> None:
    page = sign_in(walk.actor)
    walk.services.workflows.save(walk.actor, "call", SOURCE)
    form = page.get("/workflows/call").text
    assert '<input type="password"' in form
    token = {"csrf_token": token_in(form)}
    refused = page.post("/workflows/call", data={**token, "input.token": FIRST, "input.who": "x" * 20_000})
    assert (refused.status_code, FIRST in refused.text) == (422, False)
    started = page.post("/workflows/call", data={**token, "input.token": FIRST, "input.who": "Bo"})
    job_id = started.location.rpartition("/")[2]
    assert walk.on(job_id).error["message"] == "call: ******** was refused"
    step = walk.services.workflow_runs.steps(walk.actor, job_id).steps[0]
    addresses = [
        *(f"/jobs/{job_id}", f"/jobs/{job_id}/steps", f"/jobs/{job_id}/resume", f"/jobs/{step.job_id}"),
        *(f"/api/jobs/{job_id}", f"/api/jobs/{job_id}/steps", f"/api/jobs/{step.job_id}", "/api/jobs", "/audit"),
        f"/jobs/new/workflow-execution?from={job_id}",
    ]
    resumed = page.get(f"/jobs/{job_id}/resume").text
    assert "Kept as it was" in resumed
    for given, had in (("", FIRST), (SECOND, SECOND)):
        page.post(f"/jobs/{job_id}/resume", data={**token, "input.token": given, "input.who": "Cy"})
        walk.on(job_id)
        step_id = walk.services.workflow_runs.steps(walk.actor, job_id).steps[0].job_id
        assert step_id is not None
        job = walk.services.jobs.get(walk.actor, step_id)
        assert walk.services.secrets._sealer().open(job.id, job.data) == {"/token": had}
        for address in addresses:
            answer = page.get(address)
            assert answer.status_code == 200, address
            assert [one for one in (FIRST, SECOND) if one in answer.text] == [], address
    kept = everything(connection)
    assert [one for one in (FIRST, SECOND) if one in kept] == []
