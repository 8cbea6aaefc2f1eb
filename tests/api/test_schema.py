"""Where the schema and what is taken could differ: both say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from tests.api.conftest import Caller
from tests.api.problems import fields, problem

JOB = {"type": "echo", "data": {}}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/api/jobs", JOB | {"runAt": 1}, "runAt"),
        ("POST", "/api/jobs", JOB | {"runAt": "1700000000"}, "runAt"),
        ("POST", "/api/jobs", JOB | {"maxAttempts": 2.5}, "maxAttempts"),
        ("POST", "/api/jobs", JOB | {"maxAttempts": True}, "maxAttempts"),
        ("POST", "/api/jobs/bulk/cancel", {"filter": {}, "dryRun": 1}, "dryRun"),
        ("POST", "/api/jobs/bulk/cancel", {"filter": {"createdBefore": 0}, "dryRun": True}, "filter.createdBefore"),
        ("POST", "/api/types/echo/presets", {"name": "mine", "data": {}, "shared": 0}, "shared"),
        ("PUT", "/api/limits/queue/echo", {"maxStarts": 1, "periodSeconds": "60"}, "periodSeconds"),
        ("GET", "/api/jobs?createdBefore=0.5", None, "createdBefore"),
    ],
)
def test_nothing_is_taken_for_what_it_is_not(as_admin: Caller, method: str, path: str, body: Any, field: str) -> None:
    answer = as_admin(method, path, json=body) if body is not None else as_admin(method, path)
    assert fields(answer) == [field]


@pytest.mark.parametrize("path", ["/api/queues/echo/pause", "/api/jobs/bulk/cancel", "/api/jobs"])
def test_null_is_no_body(as_admin: Caller, path: str) -> None:
    answer = as_admin("POST", path, data="null", content_type="application/json")
    assert problem(answer, 422)["detail"] == "Send a JSON object."


def test_a_whole_number_may_have_a_point(as_member: Caller) -> None:
    answer = as_member("POST", "/api/jobs", json=JOB | {"maxAttempts": 2.0, "priority": 5.0})
    assert answer.status_code == 201, answer.text
    job = answer.get_json()
    assert (job["maxAttempts"], job["priority"]) == (2, 5)


def test_what_may_be_left_out_of_a_query_may_be_empty(as_admin: Caller, app: OpenAPI) -> None:
    tried = 0
    for path, operations in app.api_doc["paths"].items():
        parameters = [one for one in operations.get("get", {}).get("parameters", []) if one["in"] == "query"]
        optional = [one for one in parameters if not one["required"]]
        assert all(one["allowEmptyValue"] for one in optional), path
        if optional and "{" not in path:
            given = [f"{one['name']}={'word' if one['required'] else ''}" for one in parameters]
            assert as_admin("GET", f"{path}?{'&'.join(given)}").status_code == 200, path
            tried += 1
    assert tried >= 4


def test_a_cursor_is_of_the_form_that_the_schema_has(as_member: Caller, app: OpenAPI) -> None:
    (cursor,) = (one for one in app.api_doc["paths"]["/api/jobs"]["get"]["parameters"] if one["name"] == "cursor")
    pattern = next(one["pattern"] for one in cursor["schema"]["anyOf"] if "pattern" in one)
    for _ in range(2):
        as_member("POST", "/api/jobs", json=JOB)
    given = as_member("GET", "/api/jobs?limit=1").get_json()["nextCursor"]
    assert re.fullmatch(pattern, given)
    # Another last letter has bits that no id has.
    for text in (given[:-1] + "B", given + "A"):
        assert not re.fullmatch(pattern, text)
        assert fields(as_member("GET", f"/api/jobs?cursor={text}")) == ["cursor"]
