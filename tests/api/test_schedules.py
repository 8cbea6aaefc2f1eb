"""Schedules over the API."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import problem
from tests.services.schedules import NOON, due_from, tick

PATH = "/api/schedules"
NIGHTLY = {"type": "echo", "data": {"text": "good night"}, "name": "Nightly", "cron": "30 2 * * *", "zone": "UTC"}


def create(caller: Caller, **said: Any) -> dict[str, Any]:
    answer = caller("POST", PATH, json={**NIGHTLY, **said})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"{PATH}/{made['id']}"
    return made


def test_made_shown_changed_and_deleted(as_member: Caller) -> None:
    made = create(as_member)
    assert made["text"] == "At 02:30 every day, UTC"
    assert (made["status"], made["owner"], made["changeable"], made["declared"]) == (
        "active",
        "member@localhost",
        True,
        False,
    )
    assert len(made["nextRuns"]) == 5
    assert all(one.endswith("T02:30:00Z") for one in made["nextRuns"])
    path = f"{PATH}/{made['id']}"
    changed = as_member("PATCH", path, json={"everySeconds": 3600, "data": {"text": "hourly"}}).get_json()
    assert (changed["cron"], changed["everySeconds"], changed["text"], changed["name"]) == (
        None,
        3600,
        "Every hour",
        "Nightly",
    )
    assert changed["data"] == {"text": "hourly"}
    assert as_member("GET", path).get_json() == changed
    again = as_member("PATCH", path, json={"cron": "@daily", "zone": "Europe/Berlin"}).get_json()
    assert (again["everySeconds"], again["text"]) == (None, "At 00:00 every day, Europe/Berlin time")
    assert as_member("DELETE", path).status_code == 204
    assert as_member("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"cron": None}, "cron"),
        ({"cron": "30 2 * *"}, "cron"),
        ({"cron": "30 25 * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"everySeconds": 60}, "cron"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"jitterSeconds": 86400}, "jitterSeconds"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt"),
        ({"data": {"txt": 1}}, "data.txt"),
        ({"type": "nothing"}, "type"),
        ({"missed": "maybe"}, "missed"),
        ({"overlap": "maybe"}, "overlap"),
        ({"maxAttempts": 0}, "maxAttempts"),
        ({"userId": "x"}, "userId"),
    ],
)
def test_what_cannot_be_names_its_field(as_member: Caller, said: dict[str, Any], field: str) -> None:
    told = problem(as_member("POST", PATH, json={**NIGHTLY, **said}), 422)
    assert [one["field"] for one in told["errors"]] == [field]
    if field != "type" and said != {"everySeconds": 60}:
        path = f"{PATH}/{create(as_member)['id']}"
        assert as_member("PATCH", path, json=said).status_code == 422


def test_preview_tells_words_and_runs_and_keeps_nothing(as_member: Caller) -> None:
    asked = {"cron": "0 9 * * MON#1", "zone": "America/New_York"}
    told = as_member("POST", f"{PATH}/preview", json=asked).get_json()
    assert told["text"] == "At 09:00 on the first Monday of the month, America/New_York time"
    assert len(told["nextRuns"]) == 5
    problem(as_member("POST", f"{PATH}/preview", json={"cron": "9 to 5"}), 422)
    assert as_member("GET", PATH).get_json() == {"schedules": [], "nextCursor": None}


def test_paused_resumed_and_run_now(as_member: Caller) -> None:
    path = f"{PATH}/{create(as_member)['id']}"
    paused = as_member("POST", f"{path}/pause", json={"reason": "holidays"}).get_json()
    assert (paused["status"], paused["pauseReason"], paused["pausedBy"], paused["nextRuns"]) == (
        "paused",
        "holidays",
        "member@localhost",
        [],
    )
    run = as_member("POST", f"{path}/run")
    assert run.status_code == 201
    assert (run.get_json()["outcome"], run.get_json()["askedBy"]) == ("created", "member@localhost")
    job = as_member.job(run.get_json()["jobId"])
    assert (job["name"], job["data"]) == ("Nightly", {"text": "good night"})
    resumed = as_member("POST", f"{path}/resume").get_json()
    assert (resumed["status"], resumed["pauseReason"], len(resumed["nextRuns"]), resumed["runs"]) == (
        "active",
        None,
        5,
        1,
    )
    assert as_member("GET", f"{PATH}?job={job['id']}").get_json()["schedules"] == [resumed]
    assert as_member("GET", f"{PATH}?status=paused").get_json()["schedules"] == []


def test_pages_of_schedules_and_of_runs(
    as_member: Caller, services: Services, connection: psycopg.Connection[Any]
) -> None:
    made = [create(as_member, name=f"n{number}", overlap="allow") for number in range(3)]
    page = as_member("GET", f"{PATH}?limit=2").get_json()
    assert [one["name"] for one in page["schedules"]] == ["n2", "n1"]
    rest = as_member("GET", f"{PATH}?limit=2&cursor={page['nextCursor']}").get_json()
    assert ([one["name"] for one in rest["schedules"]], rest["nextCursor"]) == (["n0"], None)
    connection.execute("UPDATE schedules SET next_run_at = NULL, fire_at = NULL")
    due_from(connection, made[0]["id"], NOON)
    for _ in range(3):
        row = connection.execute("SELECT fire_at FROM schedules WHERE id = %s", [made[0]["id"]]).fetchone()
        assert row is not None
        tick(services, row[0])
    path = f"{PATH}/{made[0]['id']}/runs"
    first = as_member("GET", f"{path}?limit=2").get_json()
    assert [one["runAt"][:10] for one in first["runs"]] == ["2030-06-03", "2030-06-02"]
    second = as_member("GET", path, query_string={"limit": 2, "before": first["nextBefore"]}).get_json()
    assert [one["runAt"] for one in second["runs"]] == ["2030-06-01T12:00:00Z"]
    assert (second["nextBefore"], second["runs"][0]["jobStatus"]) == (None, "pending")


def test_who_may_change_which(as_member: Caller, as_admin: Caller, caller: Any, operator: Any, viewer: Any) -> None:
    mine, theirs = create(as_member), create(as_admin)
    assert as_member("GET", f"{PATH}/{theirs['id']}").get_json()["changeable"] is False
    for method, tail in (("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")):
        refused = problem(as_member(method, f"{PATH}/{theirs['id']}{tail}", json={}), 403)
        assert "the role operator" in refused["detail"]
        assert caller(viewer)(method, f"{PATH}/{mine['id']}{tail}", json={}).status_code == 403
    assert "the role member" in problem(caller(viewer)("POST", PATH, json=NIGHTLY), 403)["detail"]
    as_operator = caller(operator)
    assert as_operator("POST", f"{PATH}/{mine['id']}/pause").get_json()["pausedBy"] == "operator@localhost"
    timed = as_operator("PATCH", f"{PATH}/{mine['id']}", json={"cron": "@hourly", "data": NIGHTLY["data"]}).get_json()
    assert timed["owner"] == "member@localhost", "only the time was changed"
    other = as_operator("PATCH", f"{PATH}/{mine['id']}", json={"data": {"text": "other"}}).get_json()
    assert other["owner"] == "operator@localhost", "who says what runs answers for it"


def test_what_was_done_is_in_the_audit_log(as_admin: Caller) -> None:
    path = f"{PATH}/{create(as_admin)['id']}"
    as_admin("PATCH", path, json={"cron": "@hourly"})
    for action in ("pause", "resume", "run"):
        as_admin("POST", f"{path}/{action}")
    as_admin("DELETE", path)
    told = [one["text"] for one in as_admin("GET", "/api/audit").get_json()["events"]]
    assert told[:6] == [
        "deleted the schedule Nightly",
        "ran the schedule Nightly at once",
        "resumed the schedule Nightly",
        "paused the schedule Nightly",
        "changed the schedule Nightly",
        "made the schedule Nightly",
    ]
