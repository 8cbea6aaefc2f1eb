"""Signing in by password, the session that comes of it, and one's own account."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from sqlalchemy import event

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.core.agents import agent_name
from jobsapp.errors import NotSignedIn
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.throttle import BY_ADDRESS, BY_EMAIL
from tests.pages.conftest import SignIn, token_in

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


def test_the_account_is_for_who_is_signed_in_here(client: FlaskClient, services: Services, admin: Actor) -> None:
    assert client.get("/account").location == "/login?next=/account"
    token = {"Authorization": f"Bearer {services.identity.create_token(admin.email, 'test')}"}
    assert client.get("/account", headers=token).status_code == 403
    answer = client.post("/account/password", headers=token, data={"new": GOOD, "again": GOOD})
    assert answer.status_code == 403
    assert services.passwords.changed_at(admin) is None


def test_the_menu_leads_to_the_account(web: FlaskClient) -> None:
    assert 'href="/account"' in web.get("/jobs").text


def test_setting_a_first_password(sign_in: SignIn, member: Actor, client: FlaskClient) -> None:
    here, there = sign_in(member), sign_in(member)
    page = here.get("/account").text
    assert "You have none yet" in page
    assert 'name="old"' not in page
    before = content(here)[LOGIN]
    answer = post(here, "/account/password", "/account", new=GOOD, again=GOOD)
    assert answer.location == "/account"
    assert "Your password is set" in here.get("/account").text
    assert content(here)[LOGIN] != before
    assert not is_in(there)
    assert enter(client, member.email).status_code == 303


def test_changing_a_password(sign_in: SignIn, known: Actor, client: FlaskClient) -> None:
    here, there = sign_in(known), sign_in(known)
    assert 'autocomplete="new-password"' in here.get("/account").text
    for form, says in (
        ({"old": "wrong", "new": OTHER, "again": OTHER}, "Is not your password"),
        ({"new": OTHER, "again": OTHER}, "Is not your password"),
        ({"old": GOOD, "new": OTHER, "again": GOOD}, "Is not what stands above"),
        ({"old": GOOD, "new": "short", "again": "short"}, "Must have at least 12 characters"),
    ):
        answer = post(here, "/account/password", "/account", **form)
        assert answer.status_code == 422
        assert says in unescape(answer.text)
        assert 'aria-invalid="true"' in answer.text
        assert GOOD not in answer.text
    assert is_in(there)
    assert post(here, "/account/password", "/account", old=GOOD, new=OTHER, again=OTHER).status_code == 303
    assert is_in(here)
    assert not is_in(there)
    assert enter(client, known.email, OTHER).status_code == 303


def test_guessing_the_old_password(sign_in: SignIn, services: Services, known: Actor) -> None:
    here = sign_in(known)
    wear_out(services, BY_EMAIL.amount, HERE, known.email)
    answer = post(here, "/account/password", "/account", old=GOOD, new=OTHER, again=OTHER)
    assert answer.status_code == 429
    assert "Try again in" in answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_the_browsers_that_are_signed_in(sign_in: SignIn, member: Actor, admin: Actor) -> None:
    here, there, somebody = sign_in(member), sign_in(member), sign_in(admin)
    post(there, "/logout", "/account")
    there.environ_base["HTTP_USER_AGENT"] = FIREFOX
    link = f"/login/{services_of(there).identity.create_login_secret(member.email)}"
    assert post(there, link).status_code == 303
    page = here.get("/account").text
    assert page.count("/sign-out") == 2
    assert "Firefox on Linux" in page
    assert "this one" in page
    other, own = browser_of(there), browser_of(here)
    token = token_in(page)
    assert somebody_ends(somebody, other) == 404
    assert here.post(f"/account/browsers/{other}/sign-out").status_code == 403
    assert here.post(f"/account/browsers/{other}/sign-out", data={"csrf_token": token}).location == "/account"
    assert not is_in(there)
    assert is_in(here)
    assert here.post(f"/account/browsers/{own}/sign-out", data={"csrf_token": token}).location == "/login"
    assert not is_in(here)


def services_of(client: FlaskClient) -> Services:
    found: Services = client.application.extensions["jobsapp"]
    return found


def browser_of(client: FlaskClient) -> str:
    return str(content(client)[LOGIN]).partition(".")[0]


def somebody_ends(client: FlaskClient, browser: str) -> int:
    path = f"/account/browsers/{browser}/sign-out"
    return client.post(path, data={"csrf_token": token_in(client.get("/account").text)}).status_code


def test_signing_out_everywhere_from_the_account(sign_in: SignIn, member: Actor) -> None:
    here, there = sign_in(member), sign_in(member)
    assert 'action="/logout/everywhere"' in here.get("/account").text.partition("<main")[2]
    post(here, "/logout/everywhere", "/account")
    assert not is_in(there)


CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_what_a_browser_is_called(said: str, name: str) -> None:
    assert agent_name(said) == name


@pytest.fixture
def flask(app: Flask, services: Services) -> Callable[..., Result]:
    def run(*arguments: str, given: str = "") -> Result:
        return app.test_cli_runner().invoke(args=["users", "password", *arguments], input=given)

    return run


def test_a_password_from_the_command_line(
    flask: Callable[..., Result], client: FlaskClient, sign_in: SignIn, member: Actor
) -> None:
    browser = sign_in(member)
    told = flask(member.email, given=f"{GOOD}\n{GOOD}\n")
    assert told.exit_code == 0
    assert GOOD not in told.output
    assert not is_in(browser)
    assert enter(client, member.email).status_code == 303
    assert flask(member.email, "--stdin", given=f"{OTHER}\n").exit_code == 0
    assert enter(client.application.test_client(), member.email, OTHER).status_code == 303


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (["member@localhost", "--stdin"], "short\n", "at least 12 characters"),
        (["nobody@localhost", "--stdin"], f"{GOOD}\n", "There is no user nobody@localhost"),
        (["member@localhost", GOOD], "", "unexpected extra argument"),
        (["member@localhost"], f"{GOOD}\n{OTHER}\n", "do not match"),
    ],
)
def test_a_password_that_the_command_refuses(
    flask: Callable[..., Result], services: Services, member: Actor, arguments: list[str], given: str, says: str
) -> None:
    told = flask(*arguments, given=given)
    assert told.exit_code != 0
    assert says in told.output
    assert services.passwords.changed_at(member) is None
