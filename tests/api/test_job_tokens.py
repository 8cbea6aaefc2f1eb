"""Tokens for one job: making them by the API, and that they open that job and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.routing import Rule

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import problem

ELSEWHERE = {"Origin": "https://shop.example"}
# What needs no login of anybody.
PUBLIC = {"static", "embed.script", "login.show", "login.confirm", "health.alive", "health.ready"}
ADMITTED = {"api_jobs.show", "api_files.download"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def make(caller: Caller, job_id: str, kind: str = "embed", **more: Any) -> dict[str, Any]:
    answer = caller("POST", f"/api/jobs/{job_id}/tokens", json={"kind": kind, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


@pytest.fixture
def job(as_member: Caller, drain: Callable[[str], int]) -> dict[str, Any]:
    """A finished one, with a file that it read and one that it made."""
    file = as_member("POST", "/api/files", data={"file": (BytesIO(b"in"), "in.txt")}).get_json()
    job_id = as_member.create("make-file", {"source": file["id"]})["id"]
    assert drain("make-file") == 1
    return as_member.job(job_id)


@pytest.fixture
def guest(app: OpenAPI, as_member: Caller, job: dict[str, Any]) -> Caller:
    return Caller(app.test_client(), make(as_member, job["id"])["token"])


def test_a_token_is_shown_once_listed_and_revoked(as_member: Caller, guest: Caller, job: dict[str, Any]) -> None:
    (embed,) = as_member("GET", f"/api/jobs/{job['id']}/tokens").get_json()["tokens"]
    made = make(as_member, job["id"], "share")
    assert made["url"] == f"http://127.0.0.1:8000/shared/{made['token']}/"
    listed = as_member("GET", f"/api/jobs/{job['id']}/tokens").get_json()["tokens"]
    assert listed == [{name: value for name, value in made.items() if name not in ("token", "url")}, embed]
    assert (embed["kind"], embed["jobId"], embed["lastUsedAt"]) == ("embed", job["id"], None)
    lifetime = datetime.fromisoformat(embed["expiresAt"]) - datetime.fromisoformat(embed["createdAt"])
    assert lifetime.total_seconds() == 3600
    assert guest("GET", f"/api/jobs/{job['id']}").status_code == 200
    assert as_member("DELETE", f"/api/jobs/{job['id']}/tokens/{embed['id']}").status_code == 204
    problem(guest("GET", f"/api/jobs/{job['id']}"), 401, "not-signed-in")
    problem(as_member("DELETE", f"/api/jobs/{job['id']}/tokens/{embed['id']}"), 404)


def test_what_is_wrong_is_named(as_member: Caller, job: dict[str, Any]) -> None:
    path = f"/api/jobs/{job['id']}/tokens"
    for body, field in (
        ({}, "kind"),
        ({"kind": "all"}, "kind"),
        ({"kind": "embed", "expiresInSeconds": 86401}, "expiresInSeconds"),
        ({"kind": "share", "expiresInSeconds": 7776001}, "expiresInSeconds"),
        ({"kind": "share", "expiresInSeconds": 10**30}, "expiresInSeconds"),
        ({"kind": "share", "expiresInSeconds": -1}, "expiresInSeconds"),
        ({"kind": "share", "jobId": "x"}, "jobId"),
    ):
        assert problem(as_member("POST", path, json=body), 422)["errors"][0]["field"] == field
    assert make(as_member, job["id"], expires_in_seconds=60)["url"] is None
    problem(as_member("POST", f"/api/jobs/{uuid4()}/tokens", json={"kind": "embed"}), 404)


def test_it_reads_the_job_and_its_files_and_nothing_of_the_input(
    guest: Caller, as_member: Caller, job: dict[str, Any]
) -> None:
    seen = guest.job(job["id"])
    assert (seen["name"], seen["status"], seen["result"]) == (job["name"], "completed", {"characters": 2})
    assert (seen["data"], seen["userId"]) == ({}, None)
    made = guest("GET", seen["artifacts"][0]["downloadUrl"])
    assert made.data == b"in"
    assert "attachment" in made.headers["Content-Disposition"]
    problem(guest("GET", f"/api/files/{job['data']['source']}/content"), 404)
    problem(guest("GET", f"/api/jobs/{as_member.create()['id']}"), 404)


def routes(app: OpenAPI) -> list[tuple[str, Rule]]:
    rules = [rule for rule in app.url_map.iter_rules() if not rule.websocket]
    return [(method, rule) for rule in rules for method in METHODS if method in (rule.methods or ())]


def address(app: OpenAPI, rule: Rule, job: dict[str, Any], text: str) -> str:
    """An address of the rule, as near to the job as can be: its own id wherever one is asked for."""
    file_id = job["artifacts"][0]["id"]
    own = {"id": file_id if "/files/" in rule.rule else job["id"], "file_id": file_id, "filename": "favicon.svg"}
    own |= {"scope": "queue", "shared": text, "job_id": job["id"], "origin": job["id"], "token_id": str(uuid4())}
    values = {name: own.get(name, "echo") for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values)


@pytest.mark.parametrize("kind", ["embed", "share"])
def test_no_other_route_answers(app: OpenAPI, as_member: Caller, job: dict[str, Any], kind: str) -> None:
    text = make(as_member, job["id"], kind)["token"]
    admitted = set()
    for method, rule in routes(app):
        # As a stranger's page would send it, to every address, in the header.
        guest, nobody = Caller(app.test_client(), text), Caller(app.test_client())
        path = address(app, rule, job, "jobsapp-job_wrong")
        answer = guest(method, path, headers=ELSEWHERE)
        if rule.endpoint in PUBLIC or rule.endpoint.startswith(("openapi.", "swagger.")):
            assert answer.status_code in (nobody(method, path).status_code, 403), rule
        elif answer.status_code < 400:
            admitted.add((method, rule.endpoint))
        else:
            assert answer.status_code in (401, 403, 404), (rule, answer.status_code)
    assert admitted == ({("GET", endpoint) for endpoint in ADMITTED} if kind == "embed" else set())
    assert as_member.job(job["id"])["revision"] == job["revision"]


def test_of_the_shared_pages_only_the_tokens_own_answer(app: OpenAPI, as_member: Caller, job: dict[str, Any]) -> None:
    shared = [rule for method, rule in routes(app) if method == "GET" and rule.endpoint.startswith("shared.")]
    assert len(shared) == 4
    for kind, status in (("share", 200), ("embed", 404)):
        text = make(as_member, job["id"], kind)["token"]
        for rule in shared:
            answer = Caller(app.test_client())("GET", address(app, rule, job, text))
            assert answer.status_code == status, rule
    other = make(as_member, as_member.create()["id"], "share")["token"]
    path = f"/shared/{other}/files/{job['artifacts'][0]['id']}/content"
    assert Caller(app.test_client())("GET", path).status_code == 404


def test_a_page_of_another_origin_may_ask(guest: Caller, app: OpenAPI, job: dict[str, Any]) -> None:
    path, nobody = f"/api/jobs/{job['id']}", Caller(app.test_client())
    wish = ELSEWHERE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = nobody("OPTIONS", path, headers=wish)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    assert allowed.headers["Access-Control-Allow-Methods"] == "GET"
    assert allowed.headers["Access-Control-Allow-Headers"] == "Authorization"
    answers = [guest("GET", path, headers=ELSEWHERE), nobody("GET", path, headers=ELSEWHERE)]
    answers += [guest("GET", f"/api/jobs/{uuid4()}", headers=ELSEWHERE)]
    assert [answer.status_code for answer in answers] == [200, 401, 404]
    for answer in [allowed, *answers]:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_all_else_stays_closed_to_other_origins(app: OpenAPI, as_member: Caller, job: dict[str, Any]) -> None:
    text = make(as_member, job["id"], "share")["token"]
    wish = ELSEWHERE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    open_ones = {rule.rule for _, rule in routes(app) if rule.endpoint in ADMITTED}
    for _, rule in routes(app):
        if rule.rule in open_ones or rule.endpoint == "embed.script":
            continue
        for method in ("OPTIONS", "GET"):
            answer = as_member(method, address(app, rule, job, text), headers=wish)
            assert "Access-Control-Allow-Origin" not in answer.headers, rule


@pytest.fixture
def in_session(app: OpenAPI, services: Services, member: Actor) -> Caller:
    client: FlaskClient = app.test_client()
    with client.session_transaction() as started:
        started[LOGIN] = services.logins.start(member)
    return Caller(client)


def test_a_cookie_counts_for_nothing_in_a_page_of_another_origin(in_session: Caller, job: dict[str, Any]) -> None:
    paths = [f"/api/jobs/{job['id']}", job["artifacts"][0]["downloadUrl"]]
    for path in paths:
        assert in_session("GET", path).status_code == 200
        assert in_session("GET", path, headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200
        for origin in ("https://shop.example", "http://127.0.0.1:9", "null", "http://[", "http://[::1", ""):
            problem(in_session("GET", path, headers={"Origin": origin}), 401, "not-signed-in")


def test_a_wrong_token_never_falls_back_to_a_session(in_session: Caller, job: dict[str, Any]) -> None:
    in_session.token = "jobsapp-job_wrong"
    problem(in_session("GET", f"/api/jobs/{job['id']}"), 401, "not-signed-in")
    problem(in_session("GET", "/api/jobs"), 403, "forbidden")


def test_a_wish_without_a_method_is_a_plain_request(app: OpenAPI, job: dict[str, Any]) -> None:
    problem(Caller(app.test_client())("OPTIONS", f"/api/jobs/{job['id']}"), 401)
