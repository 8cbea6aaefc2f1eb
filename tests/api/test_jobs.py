"""The calls of the contract on jobs, one test per sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.services import Services
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields, problem

COMPLETED = Transition(Status.COMPLETED, "completed", result={"text": "done"})
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "it broke", "Traceback: secret path"))


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


def test_list_is_newest_first_and_pages_by_cursor(as_member: Caller) -> None:
    ids = [as_member.create()["id"] for _ in range(5)]
    first = as_member("GET", "/api/jobs?limit=2").get_json()
    second = as_member("GET", f"/api/jobs?limit=2&cursor={first['nextCursor']}").get_json()
    as_member.create()
    third = as_member("GET", f"/api/jobs?limit=2&cursor={second['nextCursor']}").get_json()
    seen = [job["id"] for page in (first, second, third) for job in page["jobs"]]
    assert seen == ids[::-1]
    assert third["nextCursor"] is None
    assert first["total"] is None


def test_total_is_given_where_it_costs_nothing(as_member: Caller) -> None:
    as_member.create()
    page = as_member("GET", "/api/jobs").get_json()
    assert (page["total"], page["nextCursor"]) == (1, None)


def test_list_filters(as_member: Caller, as_admin: Caller, admin: Actor, hand: Hand) -> None:
    mine = as_member.create("echo", name="100% of_it")["id"]
    theirs = as_admin.create("steps", name="Other", description="100 things")["id"]
    hand.claim("steps")
    for query, expected in {
        "": [theirs, mine],
        "type=&status=&queue=&user=&q=&limit=&cursor=": [theirs, mine],
        "type=echo": [mine],
        "type=unheard-of": [],
        "status=active": [theirs],
        "queue=echo": [mine],
        "user=me": [mine],
        f"user={admin.user_id}": [theirs],
        "q=100%25": [mine],
        "q=OTHER": [theirs],
        "q=things": [theirs],
        "status=pending&type=steps": [],
    }.items():
        page = as_member("GET", f"/api/jobs?{query}").get_json()
        assert [job["id"] for job in page["jobs"]] == expected, query


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "status=done", "user=you", "cursor=abc", "cursor=%00", "q=%00", "page=2"],
)
def test_a_wrong_query_is_refused_by_name(as_member: Caller, query: str) -> None:
    assert fields(as_member("GET", f"/api/jobs?{query}")) == [query.partition("=")[0]]


def test_progress_with_total_zero_or_unknown_has_no_percentage(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    job = hand.claim()
    hand.pulse(job, 0, 0, "Looking")
    assert as_member.job(job_id)["progress"] == {"current": 0, "total": 0, "percentage": None, "message": "Looking"}
    hand.pulse(job, 7, None)
    assert as_member.job(job_id)["progress"]["percentage"] is None
    hand.pulse(job, 30, 20)
    assert as_member.job(job_id)["progress"]["percentage"] == 100


def test_a_traceback_is_for_administrators_only(as_admin: Caller, as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    hand.finish(hand.claim(), FAILED)
    assert as_admin.job(job_id)["error"]["traceback"] == "Traceback: secret path"
    answers = [as_member("GET", "/api/jobs"), as_member("GET", f"/api/jobs/{job_id}")]
    answers.append(as_member("POST", f"/api/jobs/{job_id}/retry"))
    for answer in answers:
        assert "it broke" in answer.text
        assert "secret path" not in answer.text


def test_cancel_pending_at_once(as_member: Caller, member: Actor, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    job = as_member("PATCH", f"/api/jobs/{job_id}/cancel", json={"reason": "wrong file"}).get_json()
    assert (job["status"], job["cancelReason"]) == ("cancelled", "wrong file")
    assert job["cancelledBy"] == str(member.user_id)
    assert job["cancelledAt"]
    problem(as_member("PATCH", f"/api/jobs/{job_id}/cancel"), 409, "conflict")


def test_cancel_active_asks_then_stops(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    claimed = hand.claim()
    job = as_member("PATCH", f"/api/jobs/{job_id}/cancel").get_json()
    assert job["status"] == "active"
    assert job["cancelRequestedAt"]
    hand.finish(claimed, Transition(Status.CANCELLED, "cancelled"))
    assert as_member.job(job_id)["status"] == "cancelled"


def test_finished_jobs_cannot_be_cancelled(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    hand.finish(hand.claim(), COMPLETED)
    told = problem(as_member("PATCH", f"/api/jobs/{job_id}/cancel"), 409, "conflict")
    assert "completed" in told["detail"]
    assert as_member.job(job_id)["status"] == "completed"


def test_cancel_refuses_unknown_fields(as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    assert fields(as_member("PATCH", f"/api/jobs/{job_id}/cancel", json={"why": "x"})) == ["why"]


def test_retry_is_the_same_job_with_a_fresh_allowance(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create(maxAttempts=2)["id"]
    problem(as_member("POST", f"/api/jobs/{job_id}/retry"), 409, "conflict")
    hand.finish(hand.claim(), FAILED)
    job = as_member("POST", f"/api/jobs/{job_id}/retry").get_json()
    assert (job["id"], job["status"], job["attempts"], job["maxAttempts"]) == (job_id, "pending", 1, 3)
    hand.finish(hand.claim(), COMPLETED)
    job = as_member.job(job_id)
    assert (job["status"], job["attempts"], job["error"]) == ("completed", 2, None)
    problem(as_member("POST", f"/api/jobs/{job_id}/retry"), 409, "conflict")


def test_a_cancelled_job_can_be_retried(as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    as_member("PATCH", f"/api/jobs/{job_id}/cancel")
    job = as_member("POST", f"/api/jobs/{job_id}/retry").get_json()
    assert (job["status"], job["cancelRequestedAt"], job["cancelledAt"]) == ("pending", None, None)


def test_stats_count_each_status(as_member: Caller, as_admin: Caller, as_stranger: Caller, hand: Hand) -> None:
    as_stranger.create("make-file")
    as_admin.create("steps")
    jobs = [as_member.create() for _ in range(5)]
    hand.finish(hand.claim(), COMPLETED)
    hand.finish(hand.claim(), FAILED)
    hand.claim()
    as_member("PATCH", f"/api/jobs/{jobs[3]['id']}/cancel")
    own = as_member("GET", "/api/jobs/stats").get_json()
    assert own["byStatus"] == {"pending": 1, "active": 1, "completed": 1, "failed": 1, "cancelled": 1}
    assert own["total"] == 5
    assert own["byType"] == {"echo": own["byStatus"]}
    assert (own["successRate"], own["failureRate"]) == (0.5, 0.5)
    assert own["durationP50Ms"] >= 0
    assert own["durationP95Ms"] >= own["durationP50Ms"]
    assert own["queueDepth"] == {"echo": 1}
    everyone = as_member("GET", "/api/jobs/stats?scope=organization").get_json()
    assert everyone["total"] == 6
    assert set(everyone["byType"]) == {"echo", "steps"}
    assert fields(as_member("GET", "/api/jobs/stats?scope=world")) == ["scope"]


def test_stats_of_nothing(as_member: Caller) -> None:
    stats = as_member("GET", "/api/jobs/stats").get_json()
    assert stats["total"] == 0
    assert stats["successRate"] is None
    assert stats["durationP50Ms"] is None


def test_cleanup_leaves_what_is_not_its_own(
    as_admin: Caller, as_member: Caller, as_stranger: Caller, hand: Hand
) -> None:
    old, fresh = (as_member.create()["id"] for _ in range(2))
    for _ in range(2):
        hand.finish(hand.claim(), COMPLETED)
    waiting = as_member.create("steps")["id"]
    running = as_member.create("make-file")["id"]
    hand.claim("make-file")
    foreign = as_stranger.create("fail")["id"]
    hand.finish(hand.claim("fail"), FAILED)
    for job_id in (old, waiting, running, foreign):
        hand.age(job_id, 31)
    assert as_admin("DELETE", "/api/jobs/cleanup?days=30").get_json() == {"deleted": 1}
    problem(as_admin("GET", f"/api/jobs/{old}"), 404)
    for job_id in (fresh, waiting, running):
        as_admin.job(job_id)
    as_stranger.job(foreign)
    assert as_admin("DELETE", "/api/jobs/cleanup").get_json() == {"deleted": 0}


def test_cleanup_is_for_administrators(as_member: Caller) -> None:
    problem(as_member("DELETE", "/api/jobs/cleanup"), 403, "forbidden")


@pytest.mark.parametrize("days", ["-1", "x", "36501"])
def test_cleanup_checks_days(as_admin: Caller, days: str) -> None:
    assert fields(as_admin("DELETE", f"/api/jobs/cleanup?days={days}")) == ["days"]


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
