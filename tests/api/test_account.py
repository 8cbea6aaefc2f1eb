"""The caller's own account, and links for members who have lost theirs: what pages can do, programs can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import fields, problem

FIRST, SECOND = "seven quiet old bridges", "nine loud green rivers"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def as_owner(as_member: Caller, services: Services, member: Actor) -> Caller:
    return Caller(as_member.client, services.identity.create_token(member.email, "all of it", scopes=["admin"]))


def test_browsers_are_listed_and_signed_out(as_owner: Caller, services: Services, member: Actor) -> None:
    logins = [services.logins.start(member, AGENT) for _ in range(3)]
    found = as_owner("GET", "/api/me/browsers").get_json()["browsers"]
    assert {one["id"] for one in found} == {one.partition(".")[0] for one in logins}
    assert {(one["name"], one["current"]) for one in found} == {("Firefox on Linux", False)}
    path = f"/api/me/browsers/{logins[0].partition('.')[0]}"
    assert as_owner("DELETE", path).status_code == 204
    problem(as_owner("DELETE", path), 404, "not-found")
    assert [services.logins.find(one) is None for one in logins] == [True, False, False]
    assert as_owner("DELETE", "/api/me/browsers").status_code == 204
    assert as_owner("GET", "/api/me/browsers").get_json() == {"browsers": []}


def test_identities_are_listed_and_removed(
    as_owner: Caller, member: Actor, connection: psycopg.Connection[Any]
) -> None:
    kept = new_id()
    statement = "INSERT INTO user_identities (id, issuer, subject, user_id) VALUES (%s, 'https://x.example', 'x', %s)"
    connection.execute(statement, [kept, member.user_id])
    (found,) = as_owner("GET", "/api/me/identities").get_json()["identities"]
    assert (found["id"], found["issuer"]) == (str(kept), "https://x.example")
    assert as_owner("DELETE", f"/api/me/identities/{kept}").status_code == 204
    assert as_owner("GET", "/api/me/identities").get_json() == {"identities": []}


def test_the_password_is_set_and_changed(as_owner: Caller, services: Services, member: Actor) -> None:
    def put(**said: str) -> Any:
        return as_owner("PUT", "/api/me/password", json=said)

    assert put(newPassword=FIRST).status_code == 204
    assert services.passwords.check(member.email, FIRST, "here") == member
    login = services.logins.start(member)
    assert fields(put(newPassword=SECOND)) == ["oldPassword"]
    assert fields(put(oldPassword=FIRST, newPassword="short")) == ["newPassword"]
    assert services.logins.find(login) is not None
    assert put(oldPassword=FIRST, newPassword=SECOND).status_code == 204
    assert services.passwords.check(member.email, SECOND, "here") == member
    assert services.logins.find(login) is None


def test_a_link_signs_a_member_in_once(as_admin: Caller, services: Services, member: Actor) -> None:
    made = as_admin("POST", f"/api/members/{member.user_id}/link")
    assert made.status_code == 201, made.text
    url, expires_at = made.get_json()["loginUrl"], datetime.fromisoformat(made.get_json()["expiresAt"])
    assert timedelta(minutes=50) < expires_at - datetime.now(UTC) <= timedelta(hours=1)
    base = f"{services.settings.base_url}/login/"
    assert url.startswith(base)
    assert services.identity.redeem_login_secret(url.removeprefix(base)) == member


def test_a_link_is_for_administrators_to_make(as_owner: Caller, admin: Actor) -> None:
    told = problem(as_owner("POST", f"/api/members/{admin.user_id}/link"), 403, "forbidden")
    assert "needs the role admin" in told["detail"] or "need the role admin" in told["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/me/browsers", None),
        ("DELETE", "/api/me/browsers", None),
        ("DELETE", "/api/me/browsers/{id}", None),
        ("GET", "/api/me/identities", None),
        ("DELETE", "/api/me/identities/{id}", None),
        ("PUT", "/api/me/password", {"newPassword": FIRST}),
        ("POST", "/api/members/{user}/link", None),
    ],
)
def test_a_token_needs_the_scope_admin(
    as_admin: Caller, services: Services, admin: Actor, method: str, path: str, body: dict[str, str] | None
) -> None:
    token = services.identity.create_token(admin.email, "operates", scopes=["operate"])
    answer = Caller(as_admin.client, token)(method, path.format(id=new_id(), user=admin.user_id), json=body)
    assert "needs the scope admin" in problem(answer, 403, "forbidden")["detail"]
    assert services.passwords.changed_at(admin) is None
