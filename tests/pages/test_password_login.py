"""Signing in by password, and the session that comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from sqlalchemy import event

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.errors import NotSignedIn
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.throttle import BY_ADDRESS, BY_EMAIL
from tests.pages.conftest import token_in

Another = Callable[..., OpenAPI]
GOOD = "nine green bottles"
OTHER = "ten green bottles"
HERE = "127.0.0.1"
TOKENS = re.compile(r'(content|value)="[\w.-]{60,}"')
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


def post(client: FlaskClient, path: str, page: str = "", **form: str) -> Any:
    """As the form on that page sends it."""
    return client.post(path, data={"csrf_token": token_in(client.get(page or path).text), **form})


def enter(client: FlaskClient, email: str, password: str = GOOD) -> Any:
    return post(client, "/login", email=email, password=password)


def is_in(client: FlaskClient) -> bool:
    return client.get("/jobs").status_code == 200


def content(client: FlaskClient) -> dict[str, Any]:
    with client.session_transaction() as session:
        return dict(session)


def wear_out(services: Services, tries: int, address: str, email: str = "") -> None:
    for _ in range(tries):
        with pytest.raises(NotSignedIn), services.throttle.attempt(address, email):
            raise NotSignedIn("wrong")


@pytest.fixture
def known(services: Services, member: Actor) -> Actor:
    services.passwords.set(member.email, GOOD)
    return member


def test_a_password_signs_in(client: FlaskClient, known: Actor) -> None:
    assert enter(client, known.email).location == "/jobs"
    assert known.email in client.get("/jobs").text


def test_on_to_the_page_that_was_asked_for_if_it_is_here(client: FlaskClient, known: Actor) -> None:
    client.get(client.get("/jobs?status=failed").location)
    assert enter(client, known.email).location == "/jobs?status=failed"
    other = client.application.test_client()
    other.get("/login?next=//evil.example")
    assert enter(other, known.email).location == "/jobs"


def test_the_form_is_one_that_password_managers_know(client: FlaskClient) -> None:
    page = client.get("/login").text
    fields = {match[1]: match[0] for match in re.finditer(r'<input [^>]*name="(\w+)"[^>]*>', page)}
    assert 'type="email"' in fields["email"]
    assert 'autocomplete="username"' in fields["email"]
    assert 'type="password"' in fields["password"]
    assert 'autocomplete="current-password"' in fields["password"]
    assert "/login/oidc" not in page


def test_nobody_learns_who_is_a_user(client: FlaskClient, known: Actor, admin: Actor) -> None:
    told = set()
    for email in (known.email, admin.email, "nobody@localhost"):
        answer = enter(client, email, "another password")
        assert answer.status_code == 401
        assert "WWW-Authenticate" not in answer.headers
        told.add(TOKENS.sub("", answer.text).replace(email, ""))
        assert f'value="{email}"' in answer.text
        assert "another password" not in answer.text
    assert len(told) == 1
    assert not is_in(client)


def test_the_database_does_the_same_for_who_is_no_user(client: FlaskClient, known: Actor, admin: Actor) -> None:
    """So that the time of an answer tells nothing either, however often somebody tries."""
    done: list[str] = []
    listeners = {
        "before_cursor_execute": lambda connection, cursor, statement, *more: done.append(statement),
        "commit": lambda connection: done.append("COMMIT"),
    }
    form = {"csrf_token": token_in(client.get("/login").text), "password": "another password"}
    client.post("/login", data={**form, "email": "somebody@localhost"})
    for name, listener in listeners.items():
        event.listen(db.engine, name, listener)
    told = []
    for email in (known.email, admin.email, "nobody@localhost", "neither@localhost"):
        done.clear()
        assert client.post("/login", data={**form, "email": email}).status_code == 401
        first = list(done)
        done.clear()
        client.post("/login", data={**form, "email": email})
        told.append((first, list(done)))
    for name, listener in listeners.items():
        event.remove(db.engine, name, listener)
    assert any("INSERT INTO audit_events" in one for one in told[0][0])
    assert told == told[:1] * 4


def test_a_form_from_elsewhere_is_refused(client: FlaskClient, known: Actor) -> None:
    assert client.post("/login", data={"email": known.email, "password": GOOD}).status_code == 403
    assert not is_in(client)


def test_guessing_is_answered_with_when_to_try_again(client: FlaskClient, services: Services, known: Actor) -> None:
    wear_out(services, BY_EMAIL.amount, "192.0.2.1", known.email)
    answer = enter(client, known.email)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert re.search(r"Try again in \d+ second", answer.text)
    assert f'value="{known.email}"' in answer.text
    # The account is not locked: a link opens it.
    link = f"/login/{services.identity.create_login_secret(known.email)}"
    assert post(client, link).status_code == 303


def test_a_wrong_try_counts(client: FlaskClient, services: Services, known: Actor) -> None:
    wear_out(services, BY_EMAIL.amount - 1, "192.0.2.1", known.email)
    assert enter(client, known.email, "another password").status_code == 401
    assert enter(client, known.email).status_code == 429


def test_links_are_not_guessed_either(client: FlaskClient, services: Services, admin: Actor) -> None:
    for _ in range(BY_ADDRESS.amount):
        assert post(client, "/login/a-guess").status_code == 401
    link = f"/login/{services.identity.create_login_secret(admin.email)}"
    answer = post(client, link)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert "Try again in" in answer.text
    # It was not used up by that, and programs with a token are none of this.
    form = {"csrf_token": token_in(client.get(link).text)}
    assert client.post(link, data=form, environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 303
    token = services.identity.create_token(admin.email, "test")
    other = client.application.test_client()
    assert other.get("/api/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(("proxies", "counted"), [(0, HERE), (1, "192.0.2.7")])
def test_whom_a_proxy_speaks_for(another: Another, services: Services, proxies: int, counted: str) -> None:
    """Only as many are believed as there are: the first address is what anybody may send."""
    client = another(proxies=proxies).test_client()
    wear_out(services, BY_ADDRESS.amount, counted)
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    form = {"csrf_token": token_in(client.get("/login").text), "email": "a@b", "password": GOOD}
    assert client.post("/login", data=form, headers=headers).status_code == 429


def test_the_session_is_another_one_after_signing_in(client: FlaskClient, known: Actor) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody who had this browser before"
    before = token_in(client.get("/login").text)
    old = content(client)
    assert enter(client, known.email).status_code == 303
    after = token_in(client.get("/account").text)
    new = content(client)
    assert "planted" not in new
    assert new["csrf_token"] != old["csrf_token"]
    assert LOGIN in new
    assert client.post("/logout", data={"csrf_token": before}).status_code == 403
    # Signing in once more makes another one again.
    form = {"csrf_token": after, "email": known.email, "password": GOOD}
    assert client.post("/login", data=form).status_code == 303
    assert content(client)[LOGIN] != new[LOGIN]
    assert client.post("/logout", data={"csrf_token": after}).status_code == 403


def test_the_cookie_over_http(client: FlaskClient, known: Actor) -> None:
    name, flags = cookie(enter(client, known.email))
    assert name == "jobsapp_session"
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
    assert "Secure" not in flags


def test_the_cookie_behind_https(another: Another, known: Actor) -> None:
    client = another(public_url="https://jobs.example.org").test_client()
    client.environ_base["HTTP_HOST"] = "jobs.example.org"
    client.environ_base["wsgi.url_scheme"] = "https"
    answer = enter(client, known.email)
    assert answer.status_code == 303
    name, flags = cookie(answer)
    assert name == "__Host-jobsapp_session"
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= flags
    assert not any(flag.startswith("Domain") for flag in flags)


def cookie(answer: Any) -> tuple[str, set[str]]:
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    return name, set(rest.split("; ")[1:])
