"""Creating a job: what it answers, what it refuses, and by which name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import fields, problem


def test_create_answers_201_with_the_job_and_its_location(as_member: Caller, member: Actor) -> None:
    answer = as_member("POST", "/api/jobs", json={"type": "echo", "name": "Hello", "data": {"text": "hi"}})
    job = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert (job["type"], job["name"], job["status"], job["data"]) == ("echo", "Hello", "pending", {"text": "hi"})
    assert job["userId"] == str(member.user_id)
    assert job["organizationId"] == str(member.organization_id)
    assert UUID(job["id"]).version == 7
    assert datetime.fromisoformat(job["createdAt"]).utcoffset() == timedelta(0)


def test_input_may_be_camel_case_or_snake_case(as_member: Caller) -> None:
    start = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    camel = as_member.create("fail", {"untilAttempt": 2}, maxAttempts=7, runAt=start)
    snake = as_member.create("fail", {"until_attempt": 2}, max_attempts=7, run_at=start)
    for job in (camel, snake):
        assert job["maxAttempts"] == 7
        assert job["data"]["untilAttempt"] == 2
        assert job["waitingFor"]["code"] == "start-time"


@pytest.mark.parametrize("field", ["userId", "user_id", "organizationId", "organization_id", "status", "attempts"])
def test_the_owner_cannot_be_overridden_in_the_body(as_member: Caller, admin: Actor, field: str) -> None:
    body = {"type": "echo", "data": {}, field: str(admin.user_id)}
    assert fields(as_member("POST", "/api/jobs", json=body)) == [field]


@pytest.mark.parametrize(
    ("type_name", "data", "field", "known"),
    [
        (
            "data-conversion",
            {"options": {"mode": "smart", "model": "shp"}},
            "options.model",
            "are: embedded, shop.",
        ),
        ("fine-tuning", {"baseModel": "smol"}, "baseModel", "Known: smollm2-135m; more by JOBSAPP_BASE_MODELS."),
        ("fine-tuning", {"provider": "remote"}, "baseModel", "Known: shop; more by JOBSAPP_LANGUAGE_MODELS."),
    ],
)
def test_a_model_that_is_not_set_up_is_refused_with_those_that_are(
    as_member: Caller,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    type_name: str,
    data: dict[str, Any],
    field: str,
    known: str,
) -> None:
    job_type = services.registry.find(type_name)
    assert job_type is not None
    if job_type.missing:
        pytest.skip(job_type.missing)
    monkeypatch.setenv("JOBSAPP_LANGUAGE_MODELS", '{"shop": {"url": "http://localhost:1/v1", "model": "m"}}')
    file_id = str(uuid4())
    data |= {"source": file_id, "targetFormat": "jsonl"} if type_name == "data-conversion" else {"dataset": file_id}
    answer = as_member("POST", "/api/jobs", json={"type": type_name, "data": data})
    assert fields(answer) == [f"data.{field}"]
    assert problem(answer, 422)["errors"][0]["message"].endswith(known)
    assert as_member("GET", "/api/jobs").get_json()["jobs"] == []


@pytest.mark.parametrize("field", ["userId", "organizationId"])
def test_the_owner_cannot_be_overridden_in_data(as_member: Caller, admin: Actor, field: str) -> None:
    body = {"type": "echo", "data": {field: str(admin.user_id)}}
    assert fields(as_member("POST", "/api/jobs", json=body)) == [f"data.{field}"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"data": {}}, "type"),
        ({"type": "echo"}, "data"),
        ({"type": "no-such-type", "data": {}}, "type"),
        ({"type": "not-installed", "data": {}}, "type"),
        ({"type": "echo", "data": {"text": 5}}, "data.text"),
        ({"type": "fail", "data": {"untilAttempt": "x"}}, "data.untilAttempt"),
        ({"type": "fail", "data": {"until_attempt": "x"}}, "data.until_attempt"),
        ({"type": "echo", "data": [1]}, "data"),
        ({"type": "echo", "data": {}, "maxAttempts": 0}, "maxAttempts"),
        ({"type": "echo", "data": {}, "max_attempts": 101}, "max_attempts"),
        ({"type": "echo", "data": {}, "priority": "high"}, "priority"),
        ({"type": "echo", "data": {}, "priority": 2**31}, "priority"),
        ({"type": "echo", "data": {}, "runAt": "2026-11-23T12:00:00"}, "runAt"),
        ({"type": "echo", "data": {}, "name": "x" * 201}, "name"),
        ({"type": "echo", "data": {"text": "nul \0"}}, "data.text"),
        ({"type": "echo", "data": {"text": "half \ud800"}}, "data.text"),
        ({"type": "echo", "data": {"text": float("nan")}}, "data.text"),
        ({"type": "make-file", "data": {"source": str(uuid4())}}, "data.source"),
    ],
)
def test_a_wrong_field_is_named_as_it_was_written(as_member: Caller, body: object, named: str) -> None:
    assert fields(as_member("POST", "/api/jobs", json=body)) == [named]


def test_a_repeat_with_the_same_key_gives_the_first_job(as_member: Caller, as_stranger: Caller) -> None:
    body = {"type": "echo", "data": {"text": "once"}}
    key = {"Idempotency-Key": "k-1"}
    first = as_member("POST", "/api/jobs", json=body, headers=key)
    second = as_member("POST", "/api/jobs", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json()["id"] == second.get_json()["id"]
    assert second.headers["Location"] == first.headers["Location"]
    problem(as_member("POST", "/api/jobs", json={"type": "echo", "data": {}}, headers=key), 409, "conflict")
    elsewhere = as_stranger("POST", "/api/jobs", json=body, headers=key)
    assert elsewhere.status_code == 201
    assert elsewhere.get_json()["id"] != first.get_json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_the_length_of_an_idempotency_key_is_checked(as_member: Caller, key: str) -> None:
    answer = as_member("POST", "/api/jobs", json={"type": "echo", "data": {}}, headers={"Idempotency-Key": key})
    assert fields(answer) == ["Idempotency-Key"]


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_a_start_that_nobody_could_read_poisons_no_list(as_admin: Caller, as_member: Caller, start: str) -> None:
    answer = as_admin("POST", "/api/jobs", json={"type": "echo", "data": {}, "runAt": start})
    assert problem(answer, 422)["errors"] == [{"field": "runAt", "message": "must be at most ten years ahead."}]
    assert as_member("GET", "/api/jobs").status_code == 200


def test_a_repeat_may_be_written_otherwise(as_admin: Caller) -> None:
    bodies = [
        '{"type": "steps", "data": {"steps": 2, "gate": "x"}}',
        '{"data": {"gate": "x", "steps": 2}, "type": "steps"}',
    ]
    how = {"headers": {"Idempotency-Key": "k"}, "content_type": "application/json"}
    assert [as_admin("POST", "/api/jobs", data=body, **how).status_code for body in bodies] == [201, 200]
