"""The calls of the contract on jobs that are there, one test per sentence. Creating them: test_new_jobs.py."""

from __future__ import annotations

import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields, problem

COMPLETED = Transition(Status.COMPLETED, "completed", result={"text": "done"})
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "it broke", "Traceback: secret path"))


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
