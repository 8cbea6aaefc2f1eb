"""Queues and limits over the API."""

from __future__ import annotations

from typing import Any

import pytest

from jobsapp.core.actors import Actor
from tests.api.conftest import Caller, Hand


def test_pause_and_resume(as_admin: Caller, as_member: Caller, hand: Hand) -> None:
    job = as_member.create()
    paused = as_admin("POST", "/api/queues/echo/pause", json={"reason": "tests"})
    assert paused.status_code == 200, paused.text
    assert paused.get_json()["paused"]["reason"] == "tests"
    assert as_member.job(job["id"])["waitingFor"]["code"] == "paused-queue"
    queues = {one["name"]: one for one in as_member("GET", "/api/queues").get_json()["queues"]}
    assert (queues["echo"]["depth"], queues["echo"]["depthIsMore"]) == (1, False)
    assert queues["echo"]["paused"]["by"] == "admin@localhost"
    assert as_admin("POST", "/api/queues/echo/resume").get_json()["paused"] is None
    assert str(hand.claim().id) == job["id"]
    assert as_admin("POST", "/api/queues/echo/pause").status_code == 200, "a body is not needed"
    assert as_admin("POST", "/api/queues/nowhere/pause").status_code == 404


def test_another_organisation_sees_no_depth_and_no_reason(as_admin: Caller, as_stranger: Caller) -> None:
    as_admin.create()
    as_admin("POST", "/api/queues/echo/pause", json={"reason": "a secret move"})
    seen = as_stranger("GET", "/api/queues/echo").get_json()
    assert (seen["depth"], seen["oldestAt"]) == (0, None)
    assert (seen["paused"]["by"], seen["paused"]["reason"]) == (None, None)
    theirs = as_stranger.create()
    assert as_stranger("GET", "/api/queues/echo").get_json()["depth"] == 1
    for path in ("/api/queues", f"/api/jobs/{theirs['id']}"):
        assert "a secret move" not in as_stranger("GET", path).text


def test_limits(as_admin: Caller, as_member: Caller, as_stranger: Caller, admin: Actor) -> None:
    answer = as_admin("PUT", "/api/limits/type/echo", json={"maxActive": 2, "max_starts": 5, "periodSeconds": 60})
    assert answer.status_code == 200, answer.text
    limit = answer.get_json()
    assert limit == {
        "scope": "type",
        "key": "echo",
        "maxActive": 2,
        "maxStarts": 5,
        "periodSeconds": 60,
        "active": 0,
        "starts": 0,
    }
    as_admin("PUT", "/api/limits/organization/*", json={"maxActive": 9})
    as_admin("PUT", f"/api/limits/organization/{admin.organization_id}", json={"maxActive": 9})
    keys = [one["key"] for one in as_member("GET", "/api/limits").get_json()["limits"]]
    assert keys == ["*", str(admin.organization_id), "echo"]
    assert [one["key"] for one in as_stranger("GET", "/api/limits").get_json()["limits"]] == ["*", "echo"]
    left = as_admin("DELETE", "/api/limits/organization/*").get_json()["limits"]
    assert [one["key"] for one in left] == [str(admin.organization_id), "echo"]
    assert as_admin("DELETE", "/api/limits/organization/*").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("type/nonsense", {"maxActive": 1}, "key"),
        ("user/me", {"maxActive": 1}, "scope"),
        ("queue/echo", {"maxActive": 0}, "maxActive"),
        ("queue/echo", {"maxActive": True}, "maxActive"),
        ("queue/echo", {"maxStarts": 3}, "periodSeconds"),
        ("queue/echo", {}, "maxActive"),
        ("queue/echo", {"most": 3}, "most"),
    ],
)
def test_faults_are_told_at_their_field(as_admin: Caller, path: str, body: dict[str, Any], field: str) -> None:
    answer = as_admin("PUT", f"/api/limits/{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.get_json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/queues/echo/pause"),
        ("POST", "/api/queues/echo/resume"),
        ("PUT", "/api/limits/queue/echo"),
        ("DELETE", "/api/limits/queue/echo"),
    ],
)
def test_only_administrators_change_them(as_member: Caller, as_nobody: Caller, method: str, path: str) -> None:
    body: dict[str, Any] = {"json": {"maxActive": 1}} if method == "PUT" else {}
    assert as_member(method, path, **body).status_code == 403
    assert as_nobody(method, path, **body).status_code == 401
