"""Logs, types, health, headers and the OpenAPI document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.services.health import schema
from jobsapp.store.jobs import LogLine
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_log_pages_forward(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    job = hand.claim()
    path = f"/api/jobs/{job_id}/log"
    assert as_member("GET", path).get_json() == {"lines": [], "nextAfter": 0, "nextBefore": None, "ended": False}
    hand.log(job, *[LogLine(datetime.now(UTC), "info", f"line {number}") for number in range(3)])
    first = as_member("GET", f"{path}?limit=2").get_json()
    rest = as_member("GET", f"{path}?after={first['nextAfter']}").get_json()
    lines = first["lines"] + rest["lines"]
    assert [line["message"] for line in lines] == ["line 0", "line 1", "line 2"]
    assert (lines[0]["attempt"], lines[0]["level"]) == (1, "info")
    assert as_member("GET", f"{path}?after={rest['nextAfter']}").get_json()["nextAfter"] == rest["nextAfter"]
    assert fields(as_member("GET", f"{path}?after=-1")) == ["after"]


def test_types_tell_their_schema_and_what_is_missing(as_member: Caller) -> None:
    types = {entry["type"]: entry for entry in as_member("GET", "/api/types").get_json()["types"]}
    assert "data-conversion" in types
    echo, absent = types["echo"], types["not-installed"]
    assert (echo["available"], echo["unavailableReason"], echo["queue"], echo["title"]) == (True, None, "echo", "Echo")
    assert set(types["fail"]["inputSchema"]["properties"]) == {"how", "untilAttempt"}
    assert absent["available"] is False
    assert "jobsapp[nothing]" in absent["unavailableReason"]


def test_health_needs_no_login(as_nobody: Caller) -> None:
    assert as_nobody("GET", "/healthz").get_json() == {"status": "ok"}
    answer = as_nobody("GET", "/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_not_ready_says_what_is_wrong(settings: Settings) -> None:
    nowhere = "127.0.0.1:1"
    changes = {"database_url": f"postgresql://{nowhere}/none", "redis_url": f"redis://{nowhere}"}
    caller = Caller(create_app(settings.model_copy(update=changes)).test_client())
    assert caller("GET", "/healthz").status_code == 200
    answer = caller("GET", "/readyz")
    assert answer.status_code == 503
    assert [fault.split()[0] for fault in answer.get_json()["faults"]] == ["PostgreSQL", "Redis"]
    assert caller("GET", "/api/jobs", headers={"Authorization": "Bearer x"}).status_code == 503


def test_not_ready_before_the_migrations(as_nobody: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "is_current", lambda connection: False)
    answer = as_nobody("GET", "/readyz")
    assert answer.status_code == 503
    assert "migration" in answer.get_json()["faults"][0]


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/api/types"])
def test_every_answer_is_narrowed(as_member: Caller, path: str) -> None:
    headers = as_member("GET", path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_documentation_is_served_from_here(as_nobody: Caller) -> None:
    for start in ("/api/docs", "/api/docs/"):
        assert as_nobody("GET", start).headers["Location"] == "/api/docs/swagger"
    page = as_nobody("GET", "/api/docs/swagger")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    assert as_nobody("GET", "/api/docs/oauth2-redirect.html").status_code == 404
    for part in ("css/swagger-ui.css", "js/swagger-ui-bundle.js"):
        asset = as_nobody("GET", f"/api/docs/swagger/{part}")
        assert asset.status_code == 200


def test_the_document_is_the_committed_one(app: OpenAPI) -> None:
    """Renew it after a wanted change: `flask openapi --indent 2 --output docs/openapi.json`."""
    assert json.loads(DOCUMENT.read_text()) == app.api_doc


def test_the_document_is_complete(app: OpenAPI) -> None:
    document = app.api_doc
    text = json.dumps(document)
    for part in text.split('"$ref": "#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            doors = [door for one in operation["security"] for door in one]
            assert [door for door in doors if door != "jobToken"] == ["token", "session"], path
            for status, response in operation["responses"].items():
                kinds = set(response.get("content", ()))
                assert status < "400" or kinds == {"application/problem+json"}, (path, status)
    assert set(document["components"]["securitySchemes"]) == {"token", "session", "jobToken"}
