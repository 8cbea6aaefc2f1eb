"""Rules of retention and archives over the API."""

from __future__ import annotations

import gzip
import json
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.runtime.house import House
from jobsapp.runtime.pruner import Pruner
from tests.api.conftest import Caller
from tests.api.problems import problem
from tests.services.old_jobs import insert_finished


def test_rules(as_admin: Caller, as_stranger: Caller) -> None:
    answer = as_admin("PUT", "/api/retention", json={"type": "echo", "status": "failed", "days": 30})
    assert answer.status_code == 200, answer.text
    rule = answer.get_json()
    assert (rule["scope"], rule["type"], rule["status"], rule["days"]) == ("jobs", "echo", "failed", 30)
    assert (rule["archive"], rule["isDefault"], rule["updatedBy"]) == (None, False, "admin@localhost")
    assert rule["outlook"] == {"due": 0, "isMore": False}
    assert as_admin("PUT", "/api/retention", json={"days": None}).get_json()["outlook"] is None
    changed = as_admin(
        "PUT", "/api/retention", json={"type": "echo", "status": "failed", "days": 9, "archive": "jsonl"}
    )
    assert (changed.get_json()["days"], changed.get_json()["archive"]) == (9, "jsonl")
    assert len(as_admin("GET", "/api/retention").get_json()["rules"]) == 2
    assert as_stranger("GET", "/api/retention").get_json() == {"rules": [], "runs": []}
    problem(as_stranger("DELETE", "/api/retention?type=echo&status=failed"), 404, "not-found")
    left = as_admin("DELETE", "/api/retention?type=echo&status=failed").get_json()["rules"]
    assert [(one["type"], one["days"]) for one in left] == [("", None)]
    problem(as_admin("DELETE", "/api/retention?type=echo&status=failed"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "days"),
        ({"days": 0}, "days"),
        ({"days": "30"}, "days"),
        ({"days": 30, "status": "active"}, "status"),
        ({"days": 30, "scope": "logs"}, "scope"),
        ({"days": 30, "archive": "zip"}, "archive"),
        ({"days": 30, "scope": "uploads", "type": "echo"}, "type"),
        ({"days": 30, "organizationId": "x"}, "organizationId"),
    ],
)
def test_faults_name_their_field(as_admin: Caller, body: dict[str, Any], field: str) -> None:
    said = problem(as_admin("PUT", "/api/retention", json=body), 422, "invalid-input")
    assert [one["field"] for one in said["errors"]] == [field]


def test_archives(
    as_admin: Caller,
    as_member: Caller,
    as_stranger: Caller,
    admin: Actor,
    house: House,
    connection: psycopg.Connection[Any],
) -> None:
    as_admin("PUT", "/api/retention", json={"days": 30, "archive": "jsonl"})
    made = []
    for days in (50, 40):
        made.append(str(insert_finished(connection, admin.organization_id, days=days)[0]))
        Pruner(house).prune(at_once=True)
    (run,) = as_admin("GET", "/api/retention").get_json()["runs"]
    assert (run["scope"], run["type"], run["deleted"], run["archives"]) == ("jobs", "", 2, 2)
    page = as_admin("GET", "/api/archives?limit=1").get_json()
    (newest,) = page["archives"]
    last = as_admin("GET", f"/api/archives?limit=1&cursor={page['nextCursor']}").get_json()
    assert last["nextCursor"] is None
    for archive, job_id in ((newest, made[1]), (last["archives"][0], made[0])):
        got = as_admin("GET", archive["downloadUrl"])
        assert got.headers["Content-Disposition"] == f"attachment; filename={archive['name']}"
        assert got.headers["ETag"] == f'"{archive["sha256"]}"'
        assert len(got.data) == archive["size"]
        assert [json.loads(line)["id"] for line in gzip.decompress(got.data).splitlines()] == [job_id]
    assert as_stranger("GET", "/api/archives").get_json() == {"archives": [], "nextCursor": None}
    problem(as_stranger("GET", newest["downloadUrl"]), 404, "not-found")
    problem(as_member("GET", newest["downloadUrl"]), 403, "forbidden")
    next(house.archives.root.rglob(newest["name"])).unlink()
    assert "not in the archive folder" in problem(as_admin("GET", newest["downloadUrl"]), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/retention"), ("PUT", "/api/retention"), ("GET", "/api/archives")]
)
def test_only_administrators(as_member: Caller, method: str, path: str) -> None:
    said = problem(as_member(method, path, json={"days": 1} if method == "PUT" else None), 403, "forbidden")
    assert "administrator" in said["detail"]
