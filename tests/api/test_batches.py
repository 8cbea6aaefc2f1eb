"""`/api/batches`: many jobs under one name, by one program."""

from __future__ import annotations

import json
from typing import Any

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields, problem

ECHO = {"type": "echo", "data": {}}


def create(caller: Caller, jobs: int = 0, **more: Any) -> dict[str, Any]:
    answer = caller("POST", "/api/batches", json={"jobs": [ECHO] * jobs, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"/api/batches/{made['batch']['id']}"
    return made


def test_a_batch_from_its_creation_to_its_results(as_member: Caller, hand: Hand) -> None:
    made = create(as_member, 3, name="Letters", description="of November")
    path = f"/api/batches/{made['batch']['id']}"
    assert made["batch"]["counts"] == {"pending": 3, "active": 0, "completed": 0, "failed": 0, "cancelled": 0}
    assert [as_member.job(job_id)["batchId"] for job_id in made["ids"]] == [made["batch"]["id"]] * 3
    hand.finish(hand.claim(), Transition(Status.COMPLETED, "completed", result={"sent": 1}))
    hand.finish(hand.claim(), Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 3", "Trace")))
    cancelled = as_member("POST", f"{path}/cancel", json={"reason": "enough"}).get_json()
    assert (cancelled["status"], cancelled["cancelReason"], cancelled["percentage"]) == ("failed", "enough", 100.0)
    assert cancelled["counts"] == {"pending": 0, "active": 0, "completed": 1, "failed": 1, "cancelled": 1}
    (failure,) = as_member("GET", f"{path}/failures").get_json()["failures"]
    assert failure == {"type": "BadRow", "message": "Line 3", "jobs": 1, "jobId": made["ids"][1]}
    answer = as_member("POST", f"{path}/results")
    assert answer.status_code == 201
    content = as_member("GET", answer.get_json()["downloadUrl"]).text
    assert [json.loads(line)["status"] for line in content.splitlines()] == ["completed", "failed", "cancelled"]
    assert "Trace" not in content
    assert as_member("GET", path).get_json()["results"] == answer.get_json()
    assert as_member("POST", f"{path}/retry").get_json()["counts"]["pending"] == 1
    assert as_member("POST", f"{path}/retry", json={"cancelled": True}).get_json()["counts"]["pending"] == 2
    problem(as_member("POST", f"{path}/retry"), 409, "conflict")


def test_its_jobs_by_state_page_by_page(as_member: Caller, hand: Hand) -> None:
    made = create(as_member, 3)
    as_member.create()
    hand.finish(hand.claim(), Transition(Status.COMPLETED, "completed", result={}))
    path = f"/api/batches/{made['batch']['id']}/jobs"
    first = as_member("GET", f"{path}?status=pending&limit=1").get_json()
    second = as_member("GET", f"{path}?status=pending&limit=1&cursor={first['nextCursor']}").get_json()
    assert [job["id"] for page in (first, second) for job in page["jobs"]] == made["ids"][:0:-1]
    assert second["nextCursor"] is None
    listed = as_member("GET", f"/api/jobs?batch={made['batch']['id']}").get_json()
    assert [job["id"] for job in listed["jobs"]] == made["ids"][::-1]


def test_an_open_batch_takes_jobs_until_it_is_closed(as_member: Caller) -> None:
    made = create(as_member)
    path = f"/api/batches/{made['batch']['id']}"
    headers = {"Idempotency-Key": "more"}
    body = {"jobs": [{**ECHO, "weight": 2.5}] * 2}
    added = as_member("POST", f"{path}/jobs", json=body, headers=headers)
    again = as_member("POST", f"{path}/jobs", json=body, headers=headers)
    assert (added.status_code, again.status_code) == (201, 200)
    assert added.get_json() == again.get_json()
    closed = as_member("POST", f"{path}/close").get_json()
    assert (closed["totalJobs"], closed["totalWeight"], closed["closedAt"] is not None) == (2, 5.0, True)
    problem(as_member("POST", f"{path}/jobs", json=body), 409, "conflict")


def test_faults_are_named_where_they_are(as_member: Caller) -> None:
    jobs = [ECHO, {**ECHO, "weight": 0}, {**ECHO, "weight": True}, {"type": "steps", "data": {"steps": 0}}]
    answer = as_member("POST", "/api/batches", json={"jobs": jobs})
    assert fields(answer) == ["jobs[1].weight", "jobs[2].weight", "jobs[3].data.steps"]
    body = {"jobs": [ECHO], "onComplete": {"type": "steps", "data": {"steps": 0}}}
    assert fields(as_member("POST", "/api/batches", json=body)) == ["onComplete.data.steps"]
    problem(as_member("POST", "/api/jobs", json={**ECHO, "weight": 1}), 422)
    assert as_member("GET", "/api/batches").get_json() == {"batches": [], "nextCursor": None}


def test_batches_are_listed_newest_first(as_member: Caller, as_stranger: Caller) -> None:
    ids = [create(as_member, 1)["batch"]["id"] for _ in range(3)]
    first = as_member("GET", "/api/batches?limit=2").get_json()
    second = as_member("GET", f"/api/batches?limit=2&cursor={first['nextCursor']}").get_json()
    assert [one["id"] for page in (first, second) for one in page["batches"]] == ids[::-1]
    assert as_stranger("GET", "/api/batches").get_json()["batches"] == []


def test_a_repeat_with_the_same_key_answers_200(as_member: Caller) -> None:
    ask = lambda **more: as_member(  # noqa: E731
        "POST", "/api/batches", json={"jobs": [ECHO], **more}, headers={"Idempotency-Key": "k"}
    )
    first, again = ask(), ask()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json()["ids"] == again.get_json()["ids"]
    problem(ask(name="other"), 409, "conflict")
