"""Changing many jobs by the API, deleting one, and the filters of the list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Answer, Caller, Hand
from tests.api.problems import fields, problem


def bulk(caller: Caller, action: str, **body: Any) -> Answer:
    return caller("POST", f"/api/jobs/bulk/{action}", json=body)


def test_a_dry_run_tells_what_the_call_then_does(as_member: Caller, hand: Hand) -> None:
    ids = [as_member.create()["id"] for _ in range(3)]
    hand.claim()
    told = bulk(as_member, "cancel", filter={"type": "echo"}, dryRun=True).get_json()
    assert told == {
        "action": "cancel", "dryRun": True, "chosen": 3, "chosenIsMore": False, "missing": 0, "ofOthers": 0,
        "applicable": 3, "applicableIsMore": False, "others": {}, "changed": 0, "left": 0,
    }  # fmt: skip
    assert as_member.job(ids[2])["status"] == "pending"
    done = bulk(as_member, "cancel", filter={"type": "echo"}, reason="wrong file").get_json()
    assert (done["dryRun"], done["changed"]) == (False, 3)
    assert [as_member.job(job_id)["status"] for job_id in ids] == ["active", "cancelled", "cancelled"]
    assert {as_member.job(job_id)["cancelReason"] for job_id in ids} == {"wrong file"}
    again = bulk(as_member, "retry", ids=ids).get_json()
    assert (again["changed"], again["others"]) == (2, {"stopping": 1})


def test_delete_is_for_administrators(as_admin: Caller, as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    problem(as_admin("DELETE", f"/api/jobs/{job_id}"), 409)
    as_member("PATCH", f"/api/jobs/{job_id}/cancel")
    problem(as_member("DELETE", f"/api/jobs/{job_id}"), 403)
    problem(bulk(as_member, "delete", ids=[job_id]), 403)
    answer = as_admin("DELETE", f"/api/jobs/{job_id}")
    assert (answer.status_code, answer.text) == (204, "")
    problem(as_admin("GET", f"/api/jobs/{job_id}"), 404)
    problem(as_admin("DELETE", f"/api/jobs/{job_id}"), 404)
    other = as_member.create()["id"]
    as_member("PATCH", f"/api/jobs/{other}/cancel")
    assert bulk(as_admin, "delete", filter={"status": "cancelled"}).get_json()["changed"] == 1


def test_jobs_of_others_are_missing(as_member: Caller, as_stranger: Caller) -> None:
    job_id = as_member.create()["id"]
    told = bulk(as_stranger, "cancel", ids=[job_id]).get_json()
    assert (told["missing"], told["chosen"], told["changed"]) == (1, 0, 0)
    assert bulk(as_stranger, "cancel", filter={}).get_json()["chosen"] == 0
    assert as_member.job(job_id)["status"] == "pending"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"ids": ["0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88"], "filter": {}}, "ids"),
        ({"filter": {"status": "done"}}, "filter.status"),
        ({"filter": {"user": "nobody@nowhere"}}, "user"),
        ({"filter": {"createdAfter": "yesterday"}}, "filter.createdAfter"),
        ({"filter": {}, "force": True}, "force"),
        (
            {"filter": {"createdAfter": "2026-01-02T00:00:00Z", "createdBefore": "2026-01-01T00:00:00Z"}},
            "createdBefore",
        ),
    ],
)
def test_faults_name_the_field(as_member: Caller, body: dict[str, Any], field: str) -> None:
    assert fields(bulk(as_member, "retry", **body)) == [field]


def test_the_list_is_filtered_by_owner_and_time(as_member: Caller, as_admin: Caller) -> None:
    first = as_member.create(name="first")
    second = as_admin.create(name="second")

    def names(query: str) -> list[str]:
        return [job["name"] for job in as_member("GET", f"/api/jobs?{query}").get_json()["jobs"]]

    moment = second["createdAt"]
    assert names(f"createdAfter={moment}") == ["second"]
    assert names(f"createdBefore={moment}") == ["first"]
    assert names(f"createdAfter={first['createdAt']}&createdBefore={moment}") == ["first"]
    assert names("user=me") == names("user=member@localhost") == names("user=MEMBER@localhost") == ["first"]
    assert names(f"user={second['userId']}") == ["second"]
    assert fields(as_member("GET", "/api/jobs?user=nobody@nowhere")) == ["user"]
    assert fields(as_member("GET", "/api/jobs?createdAfter=yesterday")) == ["createdAfter"]
    assert fields(as_member("GET", "/api/jobs?createdAfter=2026-11-23T18:00:00")) == ["createdAfter"]
