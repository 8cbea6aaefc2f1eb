"""Signing in by a real OpenID Connect provider, in a process of its own."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.auth import oidc
from jobsapp.auth.current import LOGIN
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.rights import Role
from jobsapp.extensions import db
from jobsapp.models import User, UserIdentity
from jobsapp.services import Services
from tests.pages.conftest import token_in
from tests.pages.provider import NAME, RETICENT, Provider, begin, come_back, refusal, running, through
from tests.processes import free_port

Another = Callable[..., OpenAPI]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def kept() -> dict[frozenset[tuple[str, Any]], OpenAPI]:
    """The applications of this file by their settings: to build one takes longer than to sign in."""
    return {}


@pytest.fixture
def settle(
    another: Another, services: Services, provider: Provider, kept: dict[frozenset[tuple[str, Any]], OpenAPI]
) -> Callable[..., FlaskClient]:
    """A browser of nobody, at an application that trusts the provider."""

    def make(**changes: Any) -> FlaskClient:
        given = {"oidc_issuer": provider.issuer, "oidc_client_id": "jobsapp", "oidc_client_secret": "s3cret-of-client"}
        given |= {"oidc_name": NAME, **changes}
        key = frozenset(given.items())
        if key not in kept:
            kept[key] = another(**given)
        return kept[key].test_client()

    return make


Settle = Callable[..., FlaskClient]


def user_of(client: FlaskClient) -> str:
    found = re.search(r"You are (.*?)\.</p>", client.get("/account").text)
    assert found is not None
    return found[1]


def test_a_verified_address_leads_to_the_user_who_has_it(settle: Settle, provider: Provider, member: Actor) -> None:
    provider.know("m1", "Member@localhost")
    client = settle()
    client.get("/login?next=/queues")
    assert through(client, provider, "m1").location == "/queues"
    assert user_of(client) == member.email
    # From now on it is that account of the provider's, whatever its address.
    provider.know("m1", "renamed@elsewhere.example", verified=False)
    again = settle()
    assert through(again, provider, "m1").status_code == 303
    assert user_of(again) == member.email
    assert db.session.query(UserIdentity).count() == 1


def test_what_is_asked_of_the_provider(settle: Settle, provider: Provider) -> None:
    client = settle(public_url="https://jobs.example.org")
    asked = parse_qs(urlsplit(begin_behind_https(client)).query)
    assert asked["response_type"] == ["code"]
    assert asked["scope"] == ["openid email"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert len(asked["state"][0]) >= 20
    assert len(asked["nonce"][0]) >= 20
    assert asked["redirect_uri"] == ["https://jobs.example.org/login/oidc/callback"]


def begin_behind_https(client: FlaskClient) -> str:
    client.environ_base.update({"HTTP_HOST": "jobs.example.org", "wsgi.url_scheme": "https"})
    return begin(client)


def test_the_session_is_another_one_afterwards(settle: Settle, provider: Provider, member: Actor) -> None:
    provider.know("m2", member.email)
    client = settle()
    before = token_in(client.get("/login").text)
    through(client, provider, "m2")
    with client.session_transaction() as session:
        assert set(session) <= {LOGIN, "_permanent"}
    client.get("/account")
    assert client.post("/logout", data={"csrf_token": before}).status_code == 403


def test_an_address_that_only_the_provider_s_other_answer_tells(
    settle: Settle, provider: Provider, member: Actor
) -> None:
    provider.know(f"{RETICENT}m", member.email, verified="true")
    client = settle()
    assert through(client, provider, f"{RETICENT}m").location == "/jobs"
    assert user_of(client) == member.email


def test_begun_in_another_browser(settle: Settle, provider: Provider, member: Actor) -> None:
    provider.know("m3", member.email)
    mine, theirs = settle(), settle()
    begin(theirs)
    address = provider.answer(begin(mine), sub="m3")
    assert "begun in another browser" in refusal(theirs, come_back(theirs, address))
    forged = re.sub(r"state=[^&]+", "state=forged", address)
    assert "begun in another browser" in refusal(mine, come_back(mine, forged))
    # What was begun here still ends here, once.
    assert come_back(mine, address).location == "/jobs"
    assert "begun in another browser" in sentence_of(settle(), address)


def sentence_of(client: FlaskClient, address: str) -> str:
    return refusal(client, come_back(client, address))


def test_denied_at_the_provider(settle: Settle, provider: Provider) -> None:
    client = settle()
    told = refusal(client, come_back(client, provider.answer(begin(client), action="deny")))
    assert told == f"{NAME} did not sign you in: it was refused there."


def test_what_others_write_into_the_address_is_not_shown(settle: Settle, provider: Provider) -> None:
    client = settle()
    address = "/login/oidc/callback?error=call+555&error_description=Call+555-1234+to+unlock"
    told = refusal(client, client.get(address))
    assert "555" not in told
    assert "refused to sign you in" in told


def test_an_answer_for_another_sign_in(settle: Settle, provider: Provider, member: Actor) -> None:
    """A token with another nonce, a code of another client or sign-in, an answer of another issuer."""
    provider.know("m4", member.email)
    client = settle()
    replayed = provider.answer(re.sub(r"nonce=[^&]+", "nonce=from-elsewhere", begin(client)), sub="m4")
    assert "cannot be trusted" in refusal(client, come_back(client, replayed))
    stolen = provider.answer(begin(client).replace("client_id=jobsapp", "client_id=other"), sub="m4")
    assert "refused to sign you in" in refusal(client, come_back(client, stolen))
    code = parse_qs(urlsplit(provider.answer(begin(settle()), sub="m4")).query)["code"][0]
    injected = re.sub(r"code=[^&]+", f"code={code}", provider.answer(begin(client), sub="m4"))
    assert "refused to sign you in" in refusal(client, come_back(client, injected))
    mixed = provider.answer(begin(client), sub="m4") + "&iss=https%3A%2F%2Fevil.example"
    assert "cannot be trusted" in refusal(client, come_back(client, mixed))


def test_an_address_that_is_not_verified(settle: Settle, provider: Provider, member: Actor) -> None:
    for number, verified in enumerate((False, None, "false", 1)):
        provider.know(f"thief{number}", member.email, verified=verified)
        client = settle()
        told = refusal(client, through(client, provider, f"thief{number}"))
        assert told == f"{NAME} has not verified your address {member.email}. Verify it there first."
    assert db.session.query(UserIdentity).count() == 0


def test_an_address_of_another_domain(settle: Settle, provider: Provider, stranger: Actor) -> None:
    provider.know("s1", stranger.email)
    client = settle(oidc_domains="localhost, example.org")
    told = refusal(client, through(client, provider, "s1"))
    assert told == f"Addresses like {stranger.email} may not sign in here with {NAME}."
    assert through(settle(oidc_domains="Elsewhere"), provider, "s1").location == "/jobs"
    # Also who came in before.
    assert "may not sign in" in refusal(client, through(client, provider, "s1"))


def test_who_is_no_user_yet(settle: Settle, provider: Provider, services: Services) -> None:
    provider.know("new", "New.Person@Example.org")
    client = settle(oidc_domains="example.org")
    told = refusal(client, through(client, provider, "new"))
    assert told == "There is no user New.Person@Example.org here. Ask an administrator to add you."
    client = settle(oidc_domains="example.org", oidc_organization="guests", oidc_role="member")
    assert through(client, provider, "new").location == "/jobs"
    assert user_of(client) == "new.person@example.org"
    found = services.identity.get_actor(services.identity.get_user("new.person@example.org").id)
    assert found.role == "member"
    assert found.organization_id != services.identity.get_actor(services.identity.bootstrap().id).organization_id
    assert through(settle(), provider, "new").location == "/jobs"
    assert db.session.query(User).filter_by(email="new.person@example.org").count() == 1


def test_an_address_that_somebody_new_has_now(settle: Settle, provider: Provider, member: Actor) -> None:
    provider.know("first", member.email)
    assert through(settle(), provider, "first").status_code == 303
    provider.know("second", member.email)
    client = settle()
    assert "another account" in refusal(client, through(client, provider, "second"))
    # Whoever it is may say so, under Account.
    owner = settle()
    through(owner, provider, "first")
    page = owner.get("/account").text
    path = re.search(r'action="(/account/identities/[^"]+/remove)"', page)
    assert path is not None
    assert owner.post(path[1]).status_code == 403
    assert owner.post(path[1], data={"csrf_token": token_in(page)}).location == "/account"
    assert owner.post(path[1], data={"csrf_token": token_in(owner.get("/account").text)}).status_code == 404
    assert through(client, provider, "second").location == "/jobs"


def test_nobody_removes_the_account_of_another(settle: Settle, provider: Provider, member: Actor, admin: Actor) -> None:
    for actor in (member, admin):
        provider.know(f"at-{actor.email}", actor.email)
    client = settle()
    through(client, provider, f"at-{member.email}")
    (other,) = (one.id for one in db.session.query(UserIdentity))
    browser = settle()
    through(browser, provider, f"at-{admin.email}")
    form = {"csrf_token": token_in(browser.get("/account").text)}
    assert browser.post(f"/account/identities/{other}/remove", data=form).status_code == 404


@pytest.mark.parametrize(
    ("name", "way"), [("127.0.0.1", "client_secret_basic"), ("localhost", "client_secret_post"), ("127.0.0.1", "none")]
)
def test_how_jobsapp_proves_itself(settle: Settle, provider: Provider, member: Actor, name: str, way: str) -> None:
    provider.know("m6", member.email)
    client_id, secret = provider.register(way)
    issuer = provider.issuer.replace("127.0.0.1", name)
    whole = {"oidc_issuer": issuer, "oidc_client_id": client_id, "oidc_client_secret": secret if way != "none" else ""}
    assert through(settle(**whole), provider, "m6").location == "/jobs"
    if way != "none":
        client = settle(**whole | {"oidc_client_secret": "a guess"})
        assert "refused to sign you in" in refusal(client, through(client, provider, "m6"))


def test_the_provider_is_looked_up_anew(
    settle: Settle, provider: Provider, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.know("m7", member.email)
    client = settle()
    found = client.application.extensions[oidc.EXTENSION]
    begin(client)
    before = found._client.server_metadata["_loaded_at"]
    address = provider.answer(begin(client), sub="m7")
    assert found._client.server_metadata["_loaded_at"] == before
    monkeypatch.setattr(oidc, "REMEMBER_SECONDS", -1.0)
    assert come_back(client, address).location == "/jobs"
    assert found._client.server_metadata["_loaded_at"] > before


def test_a_provider_that_is_down(settle: Settle) -> None:
    client = settle(oidc_issuer=f"http://127.0.0.1:{free_port()}")
    assert refusal_of_begin(client) == f"{NAME} does not answer as it should. Try again in a moment."


def test_a_provider_without_a_name(settle: Settle) -> None:
    client = settle(oidc_issuer=f"http://127.0.0.1:{free_port()}", oidc_name=Settings().oidc_name)
    assert "Sign in with single sign-on" in client.get("/login").text
    assert refusal_of_begin(client).startswith("Single sign-on does not answer")


def test_a_provider_that_is_silent(settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = settle(oidc_issuer=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "does not answer as it should" in refusal_of_begin(client)


def test_a_provider_that_calls_itself_otherwise(settle: Settle, provider: Provider) -> None:
    client = settle(oidc_issuer=provider.issuer + "/")
    assert "cannot be trusted" in refusal_of_begin(client)


def refusal_of_begin(client: FlaskClient) -> str:
    return refusal(client, client.get("/login/oidc"))


def test_many_that_were_begun_and_left(settle: Settle, provider: Provider, member: Actor) -> None:
    """The cookie has room for one."""
    provider.know("m5", member.email)
    client = settle()
    for _ in range(12):
        begin(client)
    cookie = client.get_cookie("jobsapp_session")
    assert cookie is not None
    assert len(cookie.value) < 2000
    assert through(client, provider, "m5").location == "/jobs"


def test_without_a_provider_there_is_no_such_page(client: FlaskClient) -> None:
    assert client.get("/login/oidc").status_code == 404
    assert client.get("/login/oidc/callback?code=x&state=y").status_code == 404


def test_the_roles_that_may_be_set_are_those_there_are() -> None:
    for role in Role:
        assert Settings(oidc_role=role).oidc_role == role
