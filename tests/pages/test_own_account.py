"""One's own account: its password, by page and command line, and the browsers that are signed in."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.core.agents import agent_name
from jobsapp.services import Services
from jobsapp.services.throttle import BY_EMAIL
from tests.pages.conftest import SignIn, token_in
from tests.pages.test_password_login import GOOD, HERE, OTHER, content, enter, is_in, known, post, wear_out

__all__ = ["known"]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


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
