"""What a caller says of a job's time: when it expires, how long an attempt may take, how long it waits for the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Caller
from tests.api.problems import fields, problem


def ahead(**how: float) -> str:
    return (datetime.now(UTC) + timedelta(**how)).isoformat()


def test_a_job_says_them_and_shows_them(as_member: Caller) -> None:
    expiry, own = ahead(hours=1), {"firstSeconds": 1.5, "factor": 3, "ceilingSeconds": 60, "jitter": 0.25}
    job = as_member.create(expiresAt=expiry, timeoutSeconds=90, retry=own)
    assert datetime.fromisoformat(job["expiresAt"]) == datetime.fromisoformat(expiry)
    assert job["timeoutSeconds"] == 90
    assert job["retry"] == own
    assert as_member.job(job["id"])["retry"] == own


def test_what_a_job_does_not_say_is_as_its_type_says(as_member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"firstSeconds": 0.01, "factor": 2, "ceilingSeconds": 0.05, "jitter": 1}
    plain = as_member.create("fail")
    assert (plain["expiresAt"], plain["timeoutSeconds"], plain["retry"]) == (None, None, quick)
    assert as_member.create("fail", retry={})["retry"] == quick
    assert as_member.create("fail", retry={"factor": 1.5})["retry"] == quick | {"factor": 1.5}
    monkeypatch.setattr("tests.sample_processors.Fail.timeout", 30.0, raising=False)
    assert as_member.job(plain["id"])["timeoutSeconds"] == 30
    assert as_member.create("fail", timeoutSeconds=5)["timeoutSeconds"] == 5


def test_snake_case_is_the_same(as_member: Caller) -> None:
    expiry = ahead(hours=1)
    own = {"first_seconds": 1, "factor": 3, "ceiling_seconds": 60, "jitter": 0}
    snake = as_member.create(expires_at=expiry, timeout_seconds=90, retry=own)
    camel = as_member.create(
        expiresAt=expiry, timeoutSeconds=90, retry={"firstSeconds": 1, "factor": 3, "ceilingSeconds": 60, "jitter": 0}
    )
    for name in ("expiresAt", "timeoutSeconds", "retry"):
        assert snake[name] == camel[name] is not None


TOMORROW = ahead(days=1)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expiresAt": "2026-11-23T12:00:00"}, "expiresAt"),
    ({"expiresAt": ahead(seconds=-1)}, "expiresAt"),
    ({"expiresAt": ahead(days=3700)}, "expiresAt"),
    ({"expires_at": "soon"}, "expires_at"),
    ({"runAt": ahead(hours=2), "expiresAt": ahead(hours=1)}, "expiresAt"),
    ({"timeoutSeconds": 0}, "timeoutSeconds"),
    ({"timeoutSeconds": -1}, "timeoutSeconds"),
    ({"timeoutSeconds": "60"}, "timeoutSeconds"),
    ({"timeoutSeconds": True}, "timeoutSeconds"),
    ({"timeout_seconds": 30 * 86400 + 1}, "timeout_seconds"),
    ({"retry": 3}, "retry"),
    ({"retry": {"attempts": 3}}, "retry.attempts"),
    ({"retry": {"firstSeconds": -1}}, "retry.firstSeconds"),
    ({"retry": {"first_seconds": 30 * 86400 + 1}}, "retry.first_seconds"),
    ({"retry": {"factor": 0.9}}, "retry.factor"),
    ({"retry": {"factor": 101}}, "retry.factor"),
    ({"retry": {"ceilingSeconds": -1}}, "retry.ceilingSeconds"),
    ({"retry": {"jitter": 1.1}}, "retry.jitter"),
    ({"retry": {"jitter": float("nan")}}, "retry.jitter"),
    # The type's own pauses are at most 600 s.
    ({"retry": {"firstSeconds": 601}}, "retry.firstSeconds"),
    ({"retry": {"firstSeconds": 601, "ceilingSeconds": 600}}, "retry.firstSeconds"),
]


@pytest.mark.parametrize(("said", "named"), WRONG)
def test_a_wrong_field_is_named(as_member: Caller, said: dict[str, Any], named: str) -> None:
    body = {"type": "echo", "data": {}} | said
    assert fields(as_member("POST", "/api/jobs", json=body)) == [named]
    many = {"jobs": [{"type": "echo", "data": {}}, body]}
    assert fields(as_member("POST", "/api/jobs/bulk", json=many)) == [f"jobs[1].{named}"]
    assert as_member("GET", "/api/jobs").get_json()["jobs"] == []


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ({"expiresAt": ahead(seconds=-1)}, "give a later time"),
        ({"runAt": TOMORROW, "expiresAt": TOMORROW}, "after runAt"),
        ({"retry": {"firstSeconds": 601}}, "give a larger retry.ceilingSeconds too"),
    ],
)
def test_the_error_says_what_to_do(as_member: Caller, said: dict[str, Any], fix: str) -> None:
    told = problem(as_member("POST", "/api/jobs", json={"type": "echo", "data": {}} | said), 422, "invalid-input")
    assert fix in told["errors"][0]["message"]


def test_the_bounds_themselves_are_fine(as_member: Caller) -> None:
    longest = 30 * 86400
    own = {"firstSeconds": longest, "factor": 100, "ceilingSeconds": longest, "jitter": 1}
    assert as_member.create(timeoutSeconds=longest, retry=own)["retry"] == own
    own = {"firstSeconds": 0, "factor": 1, "ceilingSeconds": 0, "jitter": 0}
    assert as_member.create(timeoutSeconds=0.5, expiresAt=ahead(days=3650), retry=own)["retry"] == own


def test_many_in_one_call(as_member: Caller) -> None:
    expiry = ahead(hours=1)
    jobs = [
        {"type": "echo", "data": {}, "expiresAt": expiry, "timeoutSeconds": 7, "retry": {"factor": 4}},
        {"type": "echo", "data": {}},
    ]
    answer = as_member("POST", "/api/jobs/bulk", json={"jobs": jobs})
    assert answer.status_code == 201, answer.text
    said, plain = (as_member.job(one) for one in answer.get_json()["ids"])
    assert datetime.fromisoformat(said["expiresAt"]) == datetime.fromisoformat(expiry)
    assert (said["timeoutSeconds"], said["retry"]["factor"]) == (7, 4)
    assert (plain["expiresAt"], plain["timeoutSeconds"], plain["retry"]["factor"]) == (None, None, 2)


def test_another_time_is_another_request(as_member: Caller) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"type": "echo", "data": {}, "timeoutSeconds": 60}
    first = as_member("POST", "/api/jobs", json=body, headers=key)
    assert as_member("POST", "/api/jobs", json=body | {"timeoutSeconds": 60.0}, headers=key).status_code == 200
    for other in ({"timeoutSeconds": 61}, {"retry": {"factor": 3}}, {"expiresAt": ahead(hours=1)}):
        problem(as_member("POST", "/api/jobs", json=body | other, headers=key), 409, "conflict")
    again = as_member("POST", "/api/jobs", json=body | {"retry": {}}, headers=key)
    assert again.get_json()["id"] == first.get_json()["id"]
