"""Workflows through the API."""

from __future__ import annotations

from tests.api.conftest import Caller
from tests.workflow_walk import Walk

DEFINITION = {
    "input": {"who": {"type": "text"}},
    "steps": {
        "hello": {"type": "echo", "input": {"text": "hello ${{ input.who }}"}},
        "paid": {"needs": ["hello"], "waitFor": {"event": "paid"}},
        "ask": {"needs": ["paid"], "waitFor": {"approval": {"fields": {"n": {"type": "integer"}}}}},
    },
    "output": {"text": "${{ steps.hello.result.text }}", "n": "${{ steps.ask.result.fields.n }}"},
}


def test_a_workflow_from_its_check_to_its_end(as_member: Caller, walk: Walk) -> None:
    wrong = {"steps": {"a": {"type": "echo", "needs": ["b"]}}}
    faults = as_member("POST", "/api/workflows/check", json={"definition": wrong}).get_json()["faults"]
    assert faults == [{"field": "steps.a.needs.0", "message": "there is no step 'b'."}]
    refused = as_member("PUT", "/api/workflows/greet", json={"definition": wrong})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "definition.steps.a.needs.0")
    saved = as_member("PUT", "/api/workflows/greet", json={"definition": DEFINITION}).get_json()
    assert (saved["version"], saved["inputSchema"]["required"]) == (1, ["who"])
    assert [one["name"] for one in as_member("GET", "/api/workflows").get_json()["workflows"]] == ["greet"]
    refused = as_member("POST", "/api/workflows/greet/runs", json={"input": {}})
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "data.input.who")
    started = as_member("POST", "/api/workflows/greet/runs", json={"input": {"who": "Ana"}, "name": "First"})
    job = started.get_json()
    assert (started.status_code, job["type"], job["name"]) == (201, "workflow-execution", "First")
    address = f"/api/jobs/{job['id']}"
    assert as_member("GET", f"{address}/steps").status_code == 404
    walk.on(job["id"])
    steps = as_member("GET", f"{address}/steps").get_json()["steps"]
    assert [(one["key"], one["state"]) for one in steps] == [
        ("hello", "completed"),
        ("paid", "waiting"),
        ("ask", "pending"),
    ]
    assert as_member("POST", f"{address}/steps/ask/answer", json={"approved": True}).status_code == 409
    as_member("POST", f"{address}/events", json={"event": "paid", "payload": [1]})
    walk.on(job["id"])
    as_member("POST", f"{address}/steps/ask/answer", json={"approved": True, "fields": {"n": 3}})
    walk.on(job["id"])
    done = as_member("GET", address).get_json()
    assert (done["status"], done["result"]) == ("completed", {"text": "hello Ana", "n": 3})
    assert as_member("POST", f"{address}/resume").status_code == 409


def test_a_job_of_the_type_is_refused_with_the_path_of_the_fault(as_member: Caller) -> None:
    for data, field in (
        ({"workflow": "nothing"}, "data.workflow"),
        (
            {"definition": {"steps": {"a": {"type": "echo", "input": {"text": 1}}}}},
            "data.definition.steps.a.input.text",
        ),
    ):
        answer = as_member("POST", "/api/jobs", json={"type": "workflow-execution", "data": data})
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)
