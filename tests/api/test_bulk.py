"""`POST /api/jobs/bulk`: many jobs, one answer."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from jobsapp.api.problems import BULK_LIMIT_BYTES, JSON_LIMIT_BYTES
from jobsapp.core.actors import Actor
from tests.api.conftest import Answer, Caller, Hand
from tests.api.problems import fields, problem

ECHO = {"type": "echo", "data": {}}


def bulk(caller: Caller, *jobs: Any, **how: Any) -> Answer:
    return caller("POST", "/api/jobs/bulk", json={"jobs": list(jobs)}, **how)


def test_create_many_answers_201_with_the_ids_in_order(as_member: Caller, member: Actor, hand: Hand) -> None:
    jobs = [{"type": "echo", "name": f"Job {n}", "data": {"text": str(n)}, "max_attempts": 7} for n in range(20)]
    answer = bulk(as_member, *jobs)
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["count"] == len(body["ids"]) == 20
    assert [as_member.job(job_id)["name"] for job_id in body["ids"]] == [job["name"] for job in jobs]
    first = as_member.job(body["ids"][0])
    assert (first["userId"], first["maxAttempts"], first["status"]) == (str(member.user_id), 7, "pending")
    assert [str(hand.claim().id) for _ in range(20)] == body["ids"]


def test_priority_goes_before_order(as_member: Caller, hand: Hand) -> None:
    ids = bulk(as_member, ECHO, {**ECHO, "priority": 5}, ECHO).get_json()["ids"]
    assert [str(hand.claim().id) for _ in ids] == [ids[1], ids[0], ids[2]]


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"data": {}}, ["type"]),
        (None, [""]),
        ("echo", [""]),
        ({"type": "echo"}, ["data"]),
        ({"type": "echo", "data": []}, ["data"]),
        ({"type": "no-such-type", "data": {}}, ["type"]),
        ({**ECHO, "userId": "x"}, ["userId"]),
        ({**ECHO, "organization_id": "x"}, ["organization_id"]),
        ({"type": "echo", "data": {"userId": "x"}}, ["data.userId"]),
        ({**ECHO, "max_attempts": 101}, ["max_attempts"]),
        ({**ECHO, "priority": "high"}, ["priority"]),
        ({**ECHO, "runAt": "2026-11-23T12:00:00"}, ["runAt"]),
        ({"type": "echo", "data": {"text": "nul \0"}}, ["data.text"]),
        ({"type": "echo", "data": {"text": float("nan")}}, ["data.text"]),
        ({**ECHO, "\ud800": 1}, [""]),
        ({"type": "echo", "data": {"\ud800": 1}}, ["data"]),
    ],
)
def test_a_wrong_field_is_named_by_the_index_of_its_job(as_member: Caller, entry: Any, named: list[str]) -> None:
    answer = bulk(as_member, ECHO, entry, ECHO)
    assert fields(answer) == [f"jobs[1].{name}".rstrip(".") for name in named]
    assert as_member("GET", "/api/jobs").get_json()["jobs"] == []


def test_faults_of_shape_and_of_data_are_told_together(as_member: Caller, as_stranger: Caller) -> None:
    upload = as_stranger("POST", "/api/files", data={"file": (BytesIO(b"x"), "theirs.csv")})
    theirs = {"type": "make-file", "data": {"source": upload.get_json()["id"]}}
    answer = bulk(as_member, theirs, {"type": "echo"}, ECHO, {"type": "steps", "data": {"steps": 0}})
    assert fields(answer) == ["jobs[0].data.source", "jobs[1].data", "jobs[3].data.steps"]
    assert problem(answer, 422)["detail"].startswith("3 of 4 jobs cannot be created, so none was.")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["jobs"]),
        ({"jobs": []}, ["jobs"]),
        ({"jobs": [ECHO] * 10_001}, ["jobs"]),
        ({"jobs": {}}, ["jobs"]),
        ({"jobs": [ECHO], "userId": "x"}, ["userId"]),
        ({"jobs": [ECHO], "more\0": "x"}, [""]),
        ({"jobs": [ECHO], "more": "\ud800"}, ["more"]),
    ],
)
def test_a_wrong_body(as_member: Caller, body: Any, named: list[str]) -> None:
    assert fields(as_member("POST", "/api/jobs/bulk", json=body)) == named


def test_a_nested_input_may_be_as_deep_as_in_a_single_create(as_member: Caller) -> None:
    def nested(levels: int) -> dict[str, Any]:
        text = '{"type": "echo", "data": ' + '{"a":' * levels + "1" + "}" * levels + "}"
        loaded: dict[str, Any] = json.loads(text)
        return loaded

    padding = {"type": "echo", "data": {"text": "x" * JSON_LIMIT_BYTES}}
    assert fields(bulk(as_member, nested(900), padding)) == ["jobs[0].data", "jobs[1]"]
    for levels in (63, 64):
        single = fields(as_member("POST", "/api/jobs", json=nested(levels)))
        assert fields(bulk(as_member, nested(levels))) == [f"jobs[0].{field}" for field in single]


def test_a_repeat_with_the_same_key_gives_the_same_ids(as_member: Caller) -> None:
    key = {"headers": {"Idempotency-Key": "k"}}
    first, second = bulk(as_member, ECHO, ECHO, **key), bulk(as_member, ECHO, ECHO, **key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()
    problem(bulk(as_member, ECHO, **key), 409, "conflict")
    problem(as_member("POST", "/api/jobs", json=ECHO, **key), 409, "conflict")
    assert as_member("GET", "/api/jobs").get_json()["total"] == 2


def test_a_body_may_be_larger_than_that_of_one_job(as_member: Caller) -> None:
    large = {"type": "echo", "data": {"text": "x" * 3_000_000}}
    assert bulk(as_member, large, large, large).status_code == 201
    larger = {"type": "echo", "data": {"text": "x" * JSON_LIMIT_BYTES}}
    told = problem(bulk(as_member, ECHO, larger), 422)
    assert told["errors"] == [{"field": "jobs[1]", "message": "may have 4 MiB"}]
    too_large = json.dumps({"jobs": [{"type": "echo", "data": {"text": "x" * BULK_LIMIT_BYTES}}]})
    answer = as_member("POST", "/api/jobs/bulk", data=too_large, content_type="application/json")
    assert "a bulk creation 16 MiB, any other request 4 MiB" in problem(answer, 413, "too-large")["detail"]


def test_ten_thousand_jobs(as_member: Caller) -> None:
    answer = bulk(as_member, *[{"type": "echo", "data": {"text": str(n)}} for n in range(10_000)])
    assert answer.status_code == 201, answer.text
    assert answer.get_json()["count"] == 10_000


def test_it_takes_a_login_and_json(as_nobody: Caller, as_member: Caller) -> None:
    problem(bulk(as_nobody, ECHO), 401)
    problem(as_member("POST", "/api/jobs/bulk", data="x", content_type="text/plain"), 415)
    problem(as_member("POST", "/api/jobs/bulk", data="{", content_type="application/json"), 400)
