"""Every error under `/api/` is a problem that says what is wrong, and gives nothing away."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from flask import Flask
from flask_openapi3 import OpenAPI
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests

from jobsapp.api import on_error
from jobsapp.api.area import JSON_LIMIT_BYTES
from jobsapp.config import Settings
from jobsapp.services.jobs import Jobs
from tests.api.conftest import Caller
from tests.api.problems import problem


def test_unknown_address(as_nobody: Caller) -> None:
    assert "/api/nothing" in problem(as_nobody("GET", "/api/nothing"), 404, "not-found")["detail"]
    problem(as_nobody("GET", "/api/jobs/not-an-id"), 404)


def test_wrong_method(as_member: Caller) -> None:
    answer = as_member("PUT", "/api/jobs")
    problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("body", [b"{", b'{"type": }', b"\xff\xfe\xfa", b"[" * 100_000])
def test_malformed_json(as_member: Caller, body: bytes) -> None:
    answer = as_member("POST", "/api/jobs", data=body, content_type="application/json")
    problem(answer, 400, "bad-request")


@pytest.mark.parametrize("body", ["[]", '"text"', "5"])
def test_json_that_is_no_object(as_member: Caller, body: str) -> None:
    answer = as_member("POST", "/api/jobs", data=body, content_type="application/json")
    assert problem(answer, 422)["errors"] == [{"field": "", "message": "send a JSON object"}]


def test_deep_and_infinite_json(as_member: Caller) -> None:
    deep = '{"type": "echo", "data": ' + '{"a":' * 200 + "1" + "}" * 201
    answer = as_member("POST", "/api/jobs", data=deep, content_type="application/json")
    assert "nested" in problem(answer, 422)["detail"]
    endless = '{"type": "echo", "data": {"text": 1e999}}'
    problem(as_member("POST", "/api/jobs", data=endless, content_type="application/json"), 422)


def test_no_body_names_what_is_missing(as_member: Caller) -> None:
    faults = problem(as_member("POST", "/api/jobs"), 422)["errors"]
    assert [fault["field"] for fault in faults] == ["type", "data"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_wrong_media_type(as_member: Caller, kind: str) -> None:
    problem(as_member("POST", "/api/jobs", data="type=echo", content_type=kind), 415, "unsupported-media-type")
    problem(as_member("POST", "/api/files", data="x", content_type=kind), 415)


def test_too_large_a_body(app: OpenAPI, as_member: Caller) -> None:
    body = json.dumps({"type": "echo", "data": {"text": "x" * JSON_LIMIT_BYTES}})
    problem(as_member("POST", "/api/jobs", data=body, content_type="application/json"), 413, "too-large")


def test_too_large_an_upload_leaves_nothing(app: OpenAPI, as_member: Caller, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = as_member("POST", "/api/files", data={"file": (BytesIO(b"x" * 2000), "large.csv")})
    assert "MiB" in problem(answer, 413, "too-large")["detail"]
    assert [path for path in settings.files_dir.rglob("*") if path.is_file()] == []


def test_too_many_requests(app: Flask) -> None:
    with app.test_request_context("/api/jobs"):
        answer = app.make_response(on_error(TooManyRequests(retry_after=7)))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert answer.get_json()["type"] == "urn:jobsapp:problem:too-many-requests"


def test_an_unforeseen_error_gives_nothing_away(as_member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Jobs, "get", broken)
    answer = as_member("GET", "/api/jobs/0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88")
    problem(answer, 500, "internal")
    assert "hunter2" not in answer.text


def test_a_database_that_is_away(as_member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception("connection refused at 10.0.0.1"))

    monkeypatch.setattr(Jobs, "get", broken)
    answer = as_member("GET", "/api/jobs/0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88")
    problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]
    assert "10.0.0.1" not in answer.text
