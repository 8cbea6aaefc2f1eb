"""Workers and health over the API."""

from __future__ import annotations

import json

import redis

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import Report, Roster
from jobsapp.config import Settings
from tests.api.conftest import Caller, Hand
from tests.api.problems import problem


def report(settings: Settings, name: str, pid: int = 7) -> None:
    told = Report(name=name, host="h", pid=pid, queues=["echo"], age_seconds=5, memory_bytes=1000, horse_bytes=2000)
    Roster(redis_connection.hints(settings.redis_url)).report([told])


def test_workers_and_what_they_do(
    as_admin: Caller, as_member: Caller, as_stranger: Caller, hand: Hand, settings: Settings
) -> None:
    assert as_member("GET", "/api/workers").get_json() == {"workers": [], "known": True}
    report(settings, "tests")
    job = as_member.create(name="Letters")
    hand.claim()
    (worker,) = as_admin("GET", "/api/workers").get_json()["workers"]
    assert (worker["name"], worker["host"], worker["pid"], worker["queues"]) == ("tests", "h", 7, ["echo"])
    assert (worker["state"], worker["memoryBytes"], worker["workHorseMemoryBytes"]) == ("busy", 1000, 2000)
    assert [(one["id"], one["name"]) for one in worker["jobs"]] == [(job["id"], "Letters")]
    text = as_stranger("GET", "/api/workers").text
    (seen,) = json.loads(text)["workers"]
    assert {name: value for name, value in seen.items() if value} == {"name": "worker-1", "state": "busy"}
    assert seen["host"] is seen["jobsOfOthers"] is seen["memoryBytes"] is None
    assert "Letters" not in text
    assert job["id"] not in text


def test_stopping_and_starting(as_admin: Caller, settings: Settings) -> None:
    problem(as_admin("POST", "/api/workers/nobody/stop"), 404, "not-found")
    report(settings, "w")
    assert "does not listen" in problem(as_admin("POST", "/api/workers/w/stop"), 409, "conflict")["detail"]
    problem(as_admin("POST", "/api/workers/w/start"), 409, "conflict")
    with redis.Redis.from_url(settings.redis_url).pubsub() as worker:
        worker.subscribe("rq:pubsub:w")
        assert worker.get_message(timeout=5)
        assert as_admin("POST", "/api/workers/w/stop").get_json()["state"] == "stopping"
    report(settings, "w", pid=0)
    assert as_admin("GET", "/api/workers").get_json()["workers"][0]["state"] == "stopped"
    assert as_admin("POST", "/api/workers/w/start").get_json()["state"] == "starting"
    told = as_admin("GET", "/api/audit").get_json()["events"][:2]
    assert [one["text"] for one in told] == ["started another worker in the place of w", "stopped the worker w"]


def test_health(as_admin: Caller, as_member: Caller, as_stranger: Caller) -> None:
    health = as_admin("GET", "/api/health").get_json()
    assert health["state"] == "bad"
    checks = {one["name"]: one for one in health["checks"]}
    assert list(checks) == ["database", "redis", "keeper", "disk"]
    assert checks["keeper"]["action"] == "Start one: `flask keeper`"
    assert checks["database"]["facts"]["migrations"] == "current"
    for one in as_member("GET", "/api/health").get_json()["checks"]:
        assert (one["action"], one["facts"]) == (None, {})
        assert one["sentence"] == checks[one["name"]]["sentence"] or one["name"] == "disk"
    for one in as_stranger("GET", "/api/health").get_json()["checks"]:
        assert (one["action"], one["facts"]) == (None, {})
        assert one["sentence"].removeprefix(one["title"]) in (" is well.", " works, but needs a look.", " is not well.")
