"""Who may call what: no call answers without a login, and none shows another organisation's things."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from io import BytesIO
from typing import Any

import psycopg
import pytest
from flask import session
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import problem
from tests.workflow_walk import Walk

CALLS = [
    ("POST", "/api/jobs"),
    ("POST", "/api/jobs/bulk"),
    ("POST", "/api/jobs/bulk/cancel"),
    ("POST", "/api/jobs/bulk/retry"),
    ("POST", "/api/jobs/bulk/delete"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/{job}"),
    ("DELETE", "/api/jobs/{job}"),
    ("GET", "/api/jobs/{job}/log"),
    ("GET", "/api/jobs/{job}/dependencies"),
    ("GET", "/api/jobs/{job}/dependents"),
    ("GET", "/api/jobs/{job}/attempts"),
    ("GET", "/api/jobs/{job}/artifacts"),
    ("GET", "/api/jobs/{job}/metrics"),
    ("GET", "/api/jobs/stats"),
    ("GET", "/api/jobs/stats/history"),
    ("PATCH", "/api/jobs/{job}/cancel"),
    ("POST", "/api/jobs/{job}/tokens"),
    ("GET", "/api/jobs/{job}/tokens"),
    ("DELETE", "/api/jobs/{job}/tokens/{token_id}"),
    ("POST", "/api/jobs/{job}/retry"),
    ("DELETE", "/api/jobs/cleanup"),
    ("POST", "/api/files"),
    ("GET", "/api/files"),
    ("GET", "/api/files/{file}"),
    ("DELETE", "/api/files/{file}"),
    ("GET", "/api/files/{file}/content"),
    ("POST", "/api/batches"),
    ("GET", "/api/batches"),
    ("GET", "/api/batches/{batch}"),
    ("GET", "/api/batches/{batch}/jobs"),
    ("POST", "/api/batches/{batch}/jobs"),
    ("POST", "/api/batches/{batch}/close"),
    ("POST", "/api/batches/{batch}/cancel"),
    ("POST", "/api/batches/{batch}/retry"),
    ("GET", "/api/batches/{batch}/failures"),
    ("POST", "/api/batches/{batch}/results"),
    ("GET", "/api/types"),
    ("GET", "/api/types/{type}"),
    ("GET", "/api/types/{type}/presets"),
    ("POST", "/api/types/{type}/presets"),
    ("DELETE", "/api/types/{type}/presets/{preset}"),
    ("GET", "/api/queues"),
    ("GET", "/api/queues/{name}"),
    ("POST", "/api/queues/{name}/pause"),
    ("POST", "/api/queues/{name}/resume"),
    ("GET", "/api/limits"),
    ("PUT", "/api/limits/{scope}/{key}"),
    ("DELETE", "/api/limits/{scope}/{key}"),
    ("GET", "/api/retention"),
    ("PUT", "/api/retention"),
    ("DELETE", "/api/retention"),
    ("GET", "/api/archives"),
    ("GET", "/api/archives/{archive}/content"),
    ("GET", "/api/notifications/channels"),
    ("POST", "/api/notifications/channels"),
    ("PATCH", "/api/notifications/channels/{channel}"),
    ("DELETE", "/api/notifications/channels/{channel}"),
    ("POST", "/api/notifications/channels/{channel}/secret"),
    ("POST", "/api/notifications/channels/{channel}/test"),
    ("GET", "/api/notifications/rules"),
    ("POST", "/api/notifications/rules"),
    ("PUT", "/api/notifications/rules/{rule}"),
    ("DELETE", "/api/notifications/rules/{rule}"),
    ("GET", "/api/notifications/words"),
    ("PUT", "/api/notifications/words"),
    ("GET", "/api/notifications/deliveries"),
    ("GET", "/api/notifications/deliveries/{delivery}"),
    ("POST", "/api/notifications/deliveries/{delivery}/replay"),
    ("GET", "/api/notifications/browser"),
    ("GET", "/api/schedules"),
    ("POST", "/api/schedules"),
    ("POST", "/api/schedules/preview"),
    ("GET", "/api/schedules/{schedule}"),
    ("PATCH", "/api/schedules/{schedule}"),
    ("DELETE", "/api/schedules/{schedule}"),
    ("POST", "/api/schedules/{schedule}/pause"),
    ("POST", "/api/schedules/{schedule}/resume"),
    ("POST", "/api/schedules/{schedule}/run"),
    ("GET", "/api/schedules/{schedule}/runs"),
    ("GET", "/api/search"),
    ("GET", "/api/workers"),
    ("POST", "/api/workers/{name}/stop"),
    ("POST", "/api/workers/{name}/start"),
    ("GET", "/api/health"),
    ("GET", "/api/members"),
    ("POST", "/api/members"),
    ("PATCH", "/api/members/{user_id}"),
    ("DELETE", "/api/members/{user_id}"),
    ("POST", "/api/members/{user_id}/link"),
    ("GET", "/api/me"),
    ("GET", "/api/me/browsers"),
    ("DELETE", "/api/me/browsers"),
    ("DELETE", "/api/me/browsers/{browser}"),
    ("GET", "/api/me/identities"),
    ("DELETE", "/api/me/identities/{identity}"),
    ("PUT", "/api/me/password"),
    ("GET", "/api/organization"),
    ("PATCH", "/api/organization"),
    ("GET", "/api/tokens"),
    ("POST", "/api/tokens"),
    ("DELETE", "/api/tokens/{token}"),
    ("GET", "/api/audit"),
    ("GET", "/api/workflows"),
    ("POST", "/api/workflows/check"),
    ("GET", "/api/workflows/{workflow}"),
    ("PUT", "/api/workflows/{new_workflow}"),
    ("DELETE", "/api/workflows/{workflow}"),
    ("GET", "/api/workflows/{workflow}/versions"),
    ("POST", "/api/workflows/{workflow}/runs"),
    ("GET", "/api/jobs/{run}/steps"),
    ("POST", "/api/jobs/{run}/events"),
    ("POST", "/api/jobs/{run}/steps/{step}/answer"),
    ("POST", "/api/jobs/{run}/resume"),
]
OWNED_PARTS = (
    *("{job}", "{file}", "{preset}", "{user_id}", "{archive}", "{token}", "{browser}", "{identity}"),
    *("{batch}", "{schedule}", "{workflow}", "{run}", "{channel}", "{rule}", "{delivery}"),
)
OWNED = [call for call in CALLS if any(one in call[1] for one in OWNED_PARTS)]
OF_THE_HOUSE = [
    call
    for call in CALLS
    if call[0] != "GET" and "{" in call[1] and "{type}" not in call[1] and "{new" not in call[1] and call not in OWNED
]
"""Queues and limits belong to the installation."""


@pytest.fixture
def things(
    as_member: Caller, member: Actor, services: Services, connection: psycopg.Connection[Any], walk: Walk
) -> dict[str, str]:
    upload = as_member("POST", "/api/files", data={"file": (BytesIO(b"a,b"), "t.csv")})
    house = {"name": "echo", "scope": "queue", "key": "echo", "type": "echo"}
    preset = as_member("POST", "/api/types/echo/presets", json={"name": "x", "data": {}, "shared": True}).get_json()
    house["preset"] = preset["id"]
    job_id = as_member.create()["id"]
    token = as_member("POST", f"/api/jobs/{job_id}/tokens", json={"kind": "embed"}).get_json()["id"]
    timed = {"type": "echo", "data": {}, "everySeconds": 60}
    house["schedule"] = as_member("POST", "/api/schedules", json=timed).get_json()["id"]
    house["token"] = as_member("POST", "/api/tokens", json={"name": "x"}).get_json()["id"]
    house["batch"] = as_member("POST", "/api/batches", json={"closed": False}).get_json()["batch"]["id"]
    house["archive"], house["identity"] = str(new_id()), str(new_id())
    hook = {"kind": "webhook", "name": "x", "url": "https://example.org/"}
    house["channel"] = as_member("POST", "/api/notifications/channels", json=hook).get_json()["id"]
    rule = {"channelId": house["channel"], "events": ["failed"]}
    house["rule"] = as_member("POST", "/api/notifications/rules", json=rule).get_json()["id"]
    sent = as_member("POST", f"/api/notifications/channels/{house['channel']}/test").get_json()
    house["delivery"] = sent["id"]
    steps = {"ask": {"waitFor": {"approval": {}}}}
    house["workflow"] = house["new_workflow"] = "greet"
    as_member("PUT", "/api/workflows/greet", json={"definition": {"steps": steps}})
    house["run"], house["step"] = str(walk.start(steps, work=False).id), "ask"
    house["browser"] = services.logins.start(member).partition(".")[0]
    connection.execute(
        "INSERT INTO user_identities (id, issuer, subject, user_id) VALUES (%s, 'https://x.example', 'x', %s)",
        [house["identity"], member.user_id],
    )
    connection.execute(
        """INSERT INTO archives (id, organization_id, month, first_id, last_id, format, jobs, size, sha256)
           VALUES (%s, %s, '2026-11', %s, %s, 'jsonl', 1, 1, '')""",
        [house["archive"], member.organization_id, job_id, job_id],
    )
    return {"job": job_id, "file": upload.get_json()["id"], "token_id": token, "user_id": str(member.user_id), **house}


def test_these_are_all_calls(app: OpenAPI) -> None:
    documented = {
        (
            method.upper(),
            path.replace("jobs/{id}", "jobs/{job}")
            .replace("files/{id}", "files/{file}")
            .replace("batches/{id}", "batches/{batch}")
            .replace("presets/{id}", "presets/{preset}")
            .replace("archives/{id}", "archives/{archive}")
            .replace("schedules/{id}", "schedules/{schedule}")
            .replace("api/tokens/{id}", "api/tokens/{token}")
            .replace("channels/{id}", "channels/{channel}")
            .replace("rules/{id}", "rules/{rule}")
            .replace("deliveries/{id}", "deliveries/{delivery}")
            .replace("workflows/{name}", "workflows/{workflow}" if method != "put" else "workflows/{new_workflow}")
            .replace("{job}/steps", "{run}/steps")
            .replace("{job}/events", "{run}/events")
            .replace("{job}/resume", "{run}/resume")
            .replace("{key}/answer", "{step}/answer"),
        )
        for path, operations in app.api_doc["paths"].items()
        for method in operations
    }
    assert documented == set(CALLS)


# One walk through all calls, and not a test for each: what is refused changes nothing, so the things are made once.


def test_nobody_is_refused(as_nobody: Caller, things: dict[str, str]) -> None:
    for method, path in CALLS:
        answer = as_nobody(method, path.format(**things))
        problem(answer, 401, "not-signed-in")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="jobsapp"'


def test_only_administrators_change_what_is_of_the_house(as_member: Caller, things: dict[str, str]) -> None:
    for method, path in OF_THE_HOUSE:
        body = {"maxActive": 1} if method == "PUT" else None
        problem(as_member(method, path.format(**things), json=body), 403, "forbidden")


def test_another_organisation_finds_nothing(as_stranger: Caller, as_member: Caller, things: dict[str, str]) -> None:
    bodies = {
        ("POST", "/api/jobs/{job}/tokens"): {"kind": "share"},
        ("PATCH", "/api/members/{user_id}"): {"role": "admin"},
        ("POST", "/api/batches/{batch}/jobs"): {"jobs": [{"type": "echo", "data": {}}]},
        ("PUT", "/api/notifications/rules/{rule}"): {"channelId": things["channel"], "events": ["failed"]},
        ("POST", "/api/jobs/{run}/events"): {"event": "paid"},
        ("POST", "/api/jobs/{run}/steps/{step}/answer"): {"approved": True},
    }
    for method, path in OWNED:
        answer = as_stranger(method, path.format(**things), json=bodies.get((method, path)))
        problem(answer, 404, "not-found")
    assert as_member.job(things["job"])["status"] == "pending"


def test_lists_and_numbers_end_at_the_organisation(as_stranger: Caller, things: dict[str, str], member: Actor) -> None:
    assert as_stranger("GET", "/api/jobs").get_json()["jobs"] == []
    assert as_stranger("GET", f"/api/jobs?user={member.user_id}").get_json()["jobs"] == []
    stats = as_stranger("GET", "/api/jobs/stats?scope=organization").get_json()
    assert (stats["total"], stats["byType"], stats["queueDepth"]) == (0, {}, {})


def test_another_organisations_file_cannot_be_read_by_a_job(as_stranger: Caller, things: dict[str, str]) -> None:
    answer = as_stranger("POST", "/api/jobs", json={"type": "make-file", "data": {"source": things["file"]}})
    assert problem(answer, 422)["errors"][0]["field"] == "data.source"


def test_a_wrong_token_is_refused(app: OpenAPI, services: Services) -> None:
    answer = Caller(app.test_client(), "jobsapp_wrong")("GET", "/api/jobs")
    problem(answer, 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.fixture
def in_session(app: OpenAPI, services: Services, member: Actor) -> Callable[..., object]:
    client: FlaskClient = app.test_client()
    with client.session_transaction() as started:
        started[LOGIN] = services.logins.start(member)
    return Caller(client)


def _csrf(app: OpenAPI, caller: Caller) -> str:
    from flask_wtf.csrf import generate_csrf

    def make() -> str:
        with app.test_request_context():
            token = generate_csrf()
            secret = session["csrf_token"]
        with caller.client.session_transaction() as started:
            started["csrf_token"] = secret
        return token

    return Context().run(make)


def test_a_session_reads_freely_but_needs_the_header_for_changes(app: OpenAPI, in_session: Caller) -> None:
    assert in_session("GET", "/api/jobs").status_code == 200
    body = {"type": "echo", "data": {}}
    problem(in_session("POST", "/api/jobs", json=body), 403, "forbidden")
    problem(in_session("POST", "/api/jobs", json=body, headers={"X-CSRFToken": "guess"}), 403)
    problem(in_session("POST", "/api/files", data={"file": (BytesIO(b"x"), "x")}), 403)
    token = _csrf(app, in_session)
    assert in_session("POST", "/api/jobs", json=body, headers={"X-CSRFToken": token}).status_code == 201


def test_a_token_wins_over_a_session(app: OpenAPI, in_session: Caller, as_stranger: Caller, stranger: Actor) -> None:
    as_stranger.client = in_session.client
    assert as_stranger.create()["userId"] == str(stranger.user_id)
