"""API tokens: made, listed and revoked by the API, and what each scope opens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import psycopg
import pytest
from flask_openapi3 import OpenAPI

from jobsapp.auth.current import get_owner
from jobsapp.core.actors import Actor
from jobsapp.errors import Forbidden
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import fields, problem

Make = Callable[..., Caller]


@pytest.fixture
def made(app: OpenAPI) -> Make:
    """A caller with a token that another caller has made."""

    def make(by: Caller, **body: Any) -> Caller:
        answer = by("POST", "/api/tokens", json={"name": "tests", **body})
        assert answer.status_code == 201, answer.text
        return Caller(app.test_client(), answer.get_json()["token"])

    return make


def listed(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    answer = caller("GET", f"/api/tokens{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["tokens"]
    return found


def test_a_token_is_shown_once_and_kept_as_a_hash(as_admin: Caller, connection: psycopg.Connection[Any]) -> None:
    new = as_admin("POST", "/api/tokens", json={"name": " nightly import ", "expiresInDays": 90}).get_json()
    text = new.pop("token")
    assert (new["name"], new["scopes"], new["user"], new["state"]) == (
        "nightly import",
        ["jobs"],
        "admin@localhost",
        "valid",
    )
    lifetime = datetime.fromisoformat(new["expiresAt"]) - datetime.fromisoformat(new["createdAt"])
    assert lifetime == timedelta(days=90)
    assert (new["lastUsedAt"], new["lastUsedAddress"], new["revokedAt"]) == (None, None, None)
    assert listed(as_admin)[0] == new
    rows = connection.execute("SELECT t::text, token_hash FROM api_tokens AS t WHERE id = %s", [new["id"]]).fetchall()
    assert text.removeprefix("jobsapp_") not in rows[0][0]
    assert rows[0][1] == hashlib.sha256(text.encode()).digest()


def test_its_last_use_is_told_with_the_address(as_admin: Caller, made: Make) -> None:
    program = made(as_admin)
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert program("GET", "/api/jobs", environ_overrides=elsewhere).status_code == 200
    told = listed(as_admin)[0]
    assert told["lastUsedAddress"] == "203.0.113.7"
    assert datetime.now(UTC) - datetime.fromisoformat(told["lastUsedAt"]) < timedelta(minutes=1)


def test_a_revoked_one_is_refused(as_admin: Caller, made: Make) -> None:
    program = made(as_admin)
    token_id = listed(as_admin)[0]["id"]
    assert as_admin("DELETE", f"/api/tokens/{token_id}").status_code == 204
    problem(program("GET", "/api/jobs"), 401, "not-signed-in")
    told = listed(as_admin)[0]
    assert (told["id"], told["state"]) == (token_id, "revoked")
    assert as_admin("DELETE", f"/api/tokens/{token_id}").status_code == 204
    assert listed(as_admin)[0]["revokedAt"] == told["revokedAt"]


def test_an_expired_one_is_refused(as_admin: Caller, made: Make, connection: psycopg.Connection[Any]) -> None:
    program = made(as_admin, expires_in_days=1)
    assert program("GET", "/api/jobs").status_code == 200
    connection.execute("UPDATE api_tokens SET expires_at = now() WHERE expires_at IS NOT NULL")
    problem(program("GET", "/api/jobs"), 401, "not-signed-in")
    assert listed(as_admin)[0]["state"] == "expired"


def test_what_is_wrong_is_named(as_admin: Caller) -> None:
    for body, field in (
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["all"]}, "scopes.0"),
        ({"name": "x", "expiresInDays": 0}, "expiresInDays"),
        ({"name": "x", "expiresInDays": 3651}, "expiresInDays"),
        ({"name": "x", "userId": "somebody"}, "userId"),
    ):
        assert fields(as_admin("POST", "/api/tokens", json=body)) == [field]


def changes(by: Caller, job_id: str) -> dict[str, int]:
    """What comes of a change of each kind, by its status."""
    job = {"type": "echo", "data": {}}
    upload = {"data": {"file": (BytesIO(b"a"), "a.txt")}}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/jobs", {"json": job}),
        ("POST", "/api/jobs/bulk", {"json": {"jobs": [job]}}),
        ("POST", "/api/files", upload),
        ("PATCH", f"/api/jobs/{job_id}/cancel", {}),
        ("POST", f"/api/jobs/{job_id}/retry", {}),
        ("POST", f"/api/jobs/{job_id}/tokens", {"json": {"kind": "share"}}),
        ("POST", "/api/jobs/bulk/cancel", {"json": {"ids": [job_id]}}),
        ("POST", "/api/types/echo/presets", {"json": {"name": "x", "data": {}}}),
        ("POST", "/api/queues/echo/pause", {}),
        ("POST", "/api/queues/echo/resume", {}),
        ("PUT", "/api/limits/queue/echo", {"json": {"maxActive": 9}}),
        ("DELETE", "/api/limits/queue/echo", {}),
        ("POST", "/api/tokens", {"json": {"name": "another", "scopes": ["read"]}}),
        ("DELETE", f"/api/jobs/{job_id}", {}),
        ("POST", "/api/jobs/bulk/delete", {"json": {"filter": {}}}),
        ("DELETE", "/api/jobs/cleanup", {}),
    ]
    return {
        f"{method} {path.replace(job_id, 'ID')}": by(method, path, **how).status_code for method, path, how in calls
    }


READS = ("jobs", "jobs/stats", "queues", "limits", "workers", "types", "search?q=x", "tokens")


def test_a_token_that_reads_changes_nothing(as_admin: Caller, made: Make) -> None:
    reader = made(as_admin, scopes=["read"])
    job_id = as_admin.create()["id"]
    assert {reader("GET", f"/api/{path}").status_code for path in (*READS, f"jobs/{job_id}")} == {200}
    assert set(changes(reader, job_id).values()) == {403}
    assert "scope read" in problem(reader("POST", "/api/jobs", json={"type": "echo", "data": {}}), 403)["detail"]
    # The pages know the token too.
    assert reader("POST", f"/jobs/{job_id}/cancel").status_code == 403
    assert reader("GET", f"/jobs/{job_id}").status_code == 200
    problem(reader("GET", "/api/audit"), 403, "forbidden")
    assert as_admin.job(job_id)["status"] == "pending"


def test_a_token_for_jobs_changes_jobs_alone(as_admin: Caller, made: Make) -> None:
    worker = made(as_admin)
    job_id = as_admin.create()["id"]
    assert {worker("GET", f"/api/{path}").status_code for path in READS} == {200}
    done = changes(worker, job_id)
    refused = {call for call, status in done.items() if status == 403}
    assert refused == {
        "POST /api/queues/echo/pause",
        "POST /api/queues/echo/resume",
        "PUT /api/limits/queue/echo",
        "DELETE /api/limits/queue/echo",
        "POST /api/tokens",
        "DELETE /api/jobs/ID",
        "POST /api/jobs/bulk/delete",
        "DELETE /api/jobs/cleanup",
    }
    assert {status for call, status in done.items() if call not in refused} <= {200, 201}
    problem(worker("GET", "/api/audit"), 403, "forbidden")
    problem(worker("GET", "/api/tokens?everyone=true"), 403, "forbidden")


def test_a_token_for_everything_does_what_its_owner_may(as_admin: Caller, as_member: Caller, made: Make) -> None:
    done = changes(made(as_admin, scopes=["admin"]), as_admin.create()["id"])
    assert set(done.values()) <= {200, 201, 204}
    # As the command line makes them: with all scopes, whoever the user is.
    refused = {call for call, status in changes(as_member, as_member.create()["id"]).items() if status == 403}
    assert "POST /api/queues/echo/pause" in refused
    assert "DELETE /api/jobs/cleanup" in refused
    problem(as_member("GET", "/api/audit"), 403, "forbidden")


def test_nobody_gives_more_than_they_may(as_member: Caller, as_admin: Caller, made: Make) -> None:
    answer = as_member("POST", "/api/tokens", json={"name": "x", "scopes": ["jobs", "admin"]})
    assert fields(answer) == ["scopes"]
    assert "give read or jobs" in answer.get_json()["detail"]
    program = made(as_member, scopes=["read", "jobs"])
    assert problem(program("POST", "/api/tokens", json={"name": "x"}), 403)["detail"].startswith("This token may not")
    # One for queues and workers does not administer.
    operator = made(as_admin, scopes=["operate"])
    assert operator.create()
    problem(operator("POST", "/api/tokens", json={"name": "x"}), 403)
    problem(operator("DELETE", "/api/jobs/cleanup"), 403)


def test_a_demoted_owner_takes_the_rights_of_the_tokens_along(
    as_admin: Caller, made: Make, services: Services, connection: psycopg.Connection[Any]
) -> None:
    program = made(as_admin, scopes=["admin"])
    assert program("DELETE", "/api/jobs/cleanup").status_code == 200
    connection.execute(
        "UPDATE memberships SET role = 'member' FROM users WHERE users.id = user_id AND email = 'admin@localhost'"
    )
    problem(program("DELETE", "/api/jobs/cleanup"), 403)


def test_one_sees_ones_own_and_an_administrator_everyones(
    as_admin: Caller, as_member: Caller, as_stranger: Caller, made: Make
) -> None:
    made(as_member)
    assert {one["user"] for one in listed(as_member)} == {"member@localhost"}
    assert {one["user"] for one in listed(as_admin)} == {"admin@localhost"}
    assert {one["user"] for one in listed(as_admin, "?everyone=true")} == {"admin@localhost", "member@localhost"}
    problem(as_member("GET", "/api/tokens?everyone=true"), 403, "forbidden")
    assert {one["user"] for one in listed(as_stranger, "?everyone=true")} == {"stranger@elsewhere"}


def test_pages_of_tokens(as_admin: Caller, made: Make) -> None:
    for _ in range(3):
        made(as_admin)
    first = as_admin("GET", "/api/tokens?limit=3").get_json()
    second = as_admin("GET", f"/api/tokens?limit=3&cursor={first['nextCursor']}").get_json()
    assert (len(first["tokens"]), len(second["tokens"]), second["nextCursor"]) == (3, 1, None)
    ids = [one["id"] for one in first["tokens"] + second["tokens"]]
    assert ids == sorted(set(ids), reverse=True)


def test_who_may_revoke_which(as_admin: Caller, as_member: Caller, as_stranger: Caller, made: Make) -> None:
    program, other = made(as_member), made(as_member)
    mine, theirs = (one["id"] for one in listed(as_member)[:2])
    admins = listed(as_admin)[0]["id"]
    problem(as_member("DELETE", f"/api/tokens/{admins}"), 404)
    problem(as_stranger("DELETE", f"/api/tokens/{mine}"), 404)
    # Whoever finds a token on the way can end it, and nothing else.
    assert program("GET", "/api/jobs").status_code == 200
    problem(program("DELETE", f"/api/tokens/{mine}"), 403)
    assert program("DELETE", f"/api/tokens/{theirs}").status_code == 204
    problem(program("GET", "/api/jobs"), 401)
    assert as_admin("DELETE", f"/api/tokens/{mine}").status_code == 204
    problem(other("GET", "/api/jobs"), 401)
    assert {one["state"] for one in listed(as_member)[:2]} == {"revoked"}


def test_what_is_the_users_alone_needs_the_user_or_all_of_their_rights(
    app: OpenAPI, as_admin: Caller, made: Make
) -> None:
    """Logins and passwords, for one: `get_owner` stands before them."""

    def owner(caller: Caller) -> Actor:
        with app.app_context(), app.test_request_context(headers={"Authorization": f"Bearer {caller.token}"}):
            return get_owner()

    for scope in ("read", "jobs", "operate"):
        narrow = made(as_admin, scopes=[scope])
        with pytest.raises(Forbidden, match="needs the scope admin"):
            owner(narrow)
    assert owner(made(as_admin, scopes=["admin"])).email == "admin@localhost"
