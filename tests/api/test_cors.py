"""Pages of origins that the setting names call the API with a token; nobody else's, and never by a cookie."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.auth.current import LOGIN
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.api.conftest import Answer, Caller
from tests.api.problems import problem

OURS, THEIRS = {"Origin": "https://app.example.org"}, {"Origin": "https://elsewhere.example"}
WISH = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"cors_origins": "https://app.example.org, http://localhost:3000"})


def opened(answer: Answer) -> str | None:
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers.get("Vary", "")
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", "/api/queues/x/pause"])
def test_the_question_before_is_answered_without_a_token(as_nobody: Caller, path: str) -> None:
    answer = as_nobody("OPTIONS", path, headers=OURS | WISH)
    assert answer.status_code == 204
    assert opened(answer) == "https://app.example.org"
    assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    sendable = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in sendable for name in ("authorization", "content-type", "idempotency-key", "if-none-match"))
    assert "prefer" in sendable


def test_such_a_page_calls_with_a_token_and_reads_all_headers(as_member: Caller) -> None:
    answer = as_member("POST", "/api/jobs", json={"type": "echo", "data": {}}, headers=OURS)
    assert (answer.status_code, opened(answer)) == (201, "https://app.example.org")
    readable = answer.headers["Access-Control-Expose-Headers"]
    assert all(name in readable for name in ("ETag", "Location", "Preference-Applied", "RateLimit", "Retry-After"))
    refused = as_member("GET", "/api/nothing", headers=OURS)
    assert (refused.status_code, opened(refused)) == (404, "https://app.example.org")


def test_other_pages_read_nothing(as_member: Caller) -> None:
    for origin in (THEIRS, {"Origin": "null"}, {"Origin": "https://app.example.org.evil.example"}):
        assert opened(as_member("GET", "/api/jobs", headers=origin)) is None
        assert opened(as_member("OPTIONS", "/api/jobs", headers=origin | WISH)) is None
    assert as_member("GET", "/healthz", headers=OURS).headers.get("Access-Control-Allow-Origin") is None


def test_a_cookie_counts_for_nothing_there(app: OpenAPI, services: Services, member: Actor) -> None:
    client: FlaskClient = app.test_client()
    with client.session_transaction() as started:
        started[LOGIN] = services.logins.start(member)
    in_session = Caller(client)
    assert in_session("GET", "/api/jobs").status_code == 200
    problem(in_session("GET", "/api/jobs", headers=OURS), 401, "not-signed-in")


def test_a_token_for_one_job_works_from_anywhere_still(app: OpenAPI, as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    token = as_member("POST", f"/api/jobs/{job_id}/tokens", json={"kind": "embed"}).get_json()["token"]
    guest = Caller(app.test_client(), token)
    assert opened(guest("GET", f"/api/jobs/{job_id}", headers=THEIRS)) == "*"
    assert opened(guest("GET", f"/api/jobs/{job_id}", headers=OURS)) == "https://app.example.org"
