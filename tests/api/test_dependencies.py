"""`dependsOn`, what is told of it, and trees."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from jobsapp.runtime.advancer import Advancer
from tests.api.conftest import Caller, Hand
from tests.api.problems import problem
from tests.services.conftest import advancer

__all__ = ["advancer"]

ECHO = {"type": "echo", "data": {}}


def test_a_job_tells_what_it_waits_for_and_what_waits_for_it(as_member: Caller) -> None:
    parent = as_member.create(name="First")
    child = as_member.create(name="Second", dependsOn=[parent["id"]], onParentFailure="fail")
    first = {"id": parent["id"], "name": "First", "type": "echo", "status": "pending"}
    assert (child["dependsOn"], child["dependsOnCount"], child["dependents"]) == ([first], 1, 0)
    assert child["waitingFor"]["code"] == "dependencies"
    assert child["waitingFor"]["text"] == "Waits for the job it depends on"
    assert child["waitingFor"]["jobs"] == [parent["id"]]
    assert as_member.job(parent["id"])["dependents"] == 1
    (listed, other) = as_member("GET", "/api/jobs").get_json()["jobs"]
    assert (listed["status"], listed["waitingFor"]["code"]) == ("pending", "dependencies")
    assert other["waitingFor"]["code"] != "dependencies"
    assert as_member("GET", "/api/jobs/stats").get_json()["queueDepth"] == {"echo": 1}
    page = as_member("GET", f"/api/jobs/{child['id']}/dependencies").get_json()
    assert page == {"jobs": [first], "nextCursor": None}


def test_pages_of_relatives_follow_one_another(as_member: Caller) -> None:
    parent = as_member.create()["id"]
    jobs = [{**ECHO, "ref": f"r{n}", "dependsOn": [parent]} for n in range(5)]
    last = {**ECHO, "dependsOn": [f"r{n}" for n in range(5)]}
    *ids, below = as_member("POST", "/api/jobs/bulk", json={"jobs": [*jobs, last]}).get_json()["ids"]
    for path in (f"/api/jobs/{parent}/dependents", f"/api/jobs/{below}/dependencies"):
        found: list[str] = []
        cursor = ""
        for _ in range(3):
            page = as_member("GET", f"{path}?limit=2{cursor}").get_json()
            found += [one["id"] for one in page["jobs"]]
            cursor = f"&cursor={page['nextCursor']}"
        assert (found, page["nextCursor"]) == (ids, None)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dependsOn": ["x"]}, "dependsOn"),
        ({"dependsOn": "x"}, "dependsOn"),
        ({"dependsOn": [str(uuid4())]}, "dependsOn"),
        ({"onParentFailure": "explode"}, "onParentFailure"),
        ({"ref": "a"}, "ref"),
    ],
)
def test_what_is_wrong_is_named(as_member: Caller, fields: dict[str, Any], named: str) -> None:
    errors = problem(as_member("POST", "/api/jobs", json={**ECHO, **fields}), 422)["errors"]
    assert errors[0]["field"].startswith(named)


def test_circles_and_unknown_refs_of_a_call_are_named(as_member: Caller) -> None:
    jobs = [
        ECHO,
        {**ECHO, "ref": "a", "dependsOn": ["b"]},
        {**ECHO, "ref": "b", "dependsOn": ["a"]},
        {**ECHO, "dependsOn": ["c"]},
    ]
    errors = problem(as_member("POST", "/api/jobs/bulk", json={"jobs": jobs}), 422)["errors"]
    assert errors[0] == {"field": "jobs[1].dependsOn", "message": "a → b → a goes round in a circle."}
    assert errors[1]["field"] == "jobs[3].dependsOn"
    assert as_member("GET", "/api/jobs").get_json()["jobs"] == []


def test_trees_are_cancelled_and_retried(as_member: Caller, hand: Hand, advancer: Advancer) -> None:
    top = as_member.create()["id"]
    middle = as_member.create(dependsOn=[top])["id"]
    bottom = as_member.create(dependsOn=[middle])["id"]
    answer = as_member("PATCH", f"/api/jobs/{middle}/cancel", json={"tree": True, "reason": "no"})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "cancelled")
    assert (as_member.job(bottom)["cancelReason"], as_member.job(top)["status"]) == ("no", "pending")
    as_member("POST", f"/api/jobs/{bottom}/retry")
    as_member("POST", f"/api/jobs/{middle}/retry")
    as_member("PATCH", f"/api/jobs/{top}/cancel")
    while advancer.advance():
        pass
    ended = as_member.job(middle)
    assert (ended["status"], ended["endedBy"]["id"], ended["cancelledBy"]) == ("cancelled", top, None)
    answer = as_member("POST", f"/api/jobs/{top}/retry", json={"tree": True})
    assert answer.status_code == 200
    assert [as_member.job(one)["status"] for one in (top, middle)] == ["pending", "pending"]
    assert as_member.job(middle)["waitingFor"]["code"] == "dependencies"
    problem(as_member("POST", f"/api/jobs/{top}/retry", json={"tree": True}), 409)
