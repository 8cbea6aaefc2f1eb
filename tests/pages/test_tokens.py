"""The page of the API tokens, without a script: making one, seeing it once, revoking."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.pages.conftest import SignIn, token_in

TEXT = re.compile(r'id="token-text" value="([^"]+)"')


def make(web: FlaskClient, **form: str) -> str:
    """The page that shows the new token."""
    answer = web.post("/tokens", data={"csrf_token": token_in(web.get("/tokens").text), "scope": "jobs", **form})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.text


def test_a_token_is_made_and_shown_once(web: FlaskClient, services: Services, admin: Actor) -> None:
    assert "No tokens yet" in web.get("/tokens").text
    assert 'href="/tokens"' in web.get("/jobs").text
    page = make(web, name="Nightly import", days="30")
    found = TEXT.search(page)
    assert found is not None
    actor = services.identity.actor_for_token(found[1], "203.0.113.7")
    assert (actor.user_id, actor.scopes) == (admin.user_id, {"jobs"})
    again = web.get("/tokens").text
    assert found[1] not in again
    (token,), _ = services.tokens.page(admin)
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 30
    for words in ("Nightly import", "In force", "from 203.0.113.7", "Jobs · made", "expires"):
        assert words in again


def test_the_form_offers_what_one_may_and_days(web: FlaskClient, sign_in: SignIn, member: Actor) -> None:
    def offered(page: str) -> list[tuple[str, str]]:
        return re.findall(r'name="scope" value="(\w+)" (checked)?', page)

    scopes = [("read", ""), ("jobs", "checked"), ("operate", ""), ("admin", "")]
    assert offered(web.get("/tokens").text) == scopes
    theirs = sign_in(member)
    assert offered(theirs.get("/tokens").text) == scopes[:2]
    for value, days in (("0", None), ("365", 365), ("7000", 90), ("x", 90)):
        make(theirs, name=f"for {value}", days=value)
        page = theirs.get("/tokens").text.split(f"for {value} ")[1].split("</li>")[0]
        assert ("never expires" in page) == (days is None)
    refused = theirs.post("/tokens", data={"csrf_token": token_in(page_of(theirs)), "name": "x", "scope": "admin"})
    assert refused.status_code == 422
    assert "admin is more than you may do yourself; give read or jobs." in refused.text


def page_of(browser: FlaskClient) -> str:
    return browser.get("/tokens").text


def test_a_form_that_is_wrong_comes_back(web: FlaskClient, services: Services, admin: Actor) -> None:
    form = {"csrf_token": token_in(page_of(web)), "name": " ", "scope": "read", "days": "365"}
    answer = web.post("/tokens", data=form)
    assert answer.status_code == 422
    assert "The name must have 1 to 100 characters" in answer.text
    assert re.search(r'value="read" checked', answer.text)
    assert re.search(r'value="365" selected', answer.text)
    assert web.post("/tokens", data={"name": "x", "scope": "read"}).status_code == 403
    assert services.tokens.page(admin) == ([], None)


def test_revoking_asks_first(web: FlaskClient, services: Services, admin: Actor) -> None:
    token, text = services.tokens.create(admin, "Old <laptop>")
    asked = web.get(f"/tokens/{token.id}/revoke")
    assert "Revoke Old &lt;laptop&gt;" in asked.text
    assert services.identity.actor_for_token(text)
    answer = web.post(f"/tokens/{token.id}/revoke", data={"csrf_token": token_in(asked.text)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tokens")
    page = page_of(web)
    assert "Revoked" in page
    assert "by admin@localhost" in page
    assert f"/tokens/{token.id}/revoke" not in page


def test_administrators_see_and_revoke_everyones(
    web: FlaskClient, sign_in: SignIn, services: Services, member: Actor, admin: Actor
) -> None:
    token, _ = services.tokens.create(member, "Theirs")
    mine, _ = services.tokens.create(admin, "Mine")
    assert "Theirs" not in page_of(web)
    everyone = web.get("/tokens?everyone=yes").text
    assert "for <b>member@localhost</b>" in everyone
    browser = sign_in(member)
    assert browser.get("/tokens?everyone=yes").status_code == 403
    assert "everyone=yes" not in page_of(browser)
    assert browser.get(f"/tokens/{mine.id}/revoke").status_code == 404
    answer = web.post(f"/tokens/{token.id}/revoke", data={"csrf_token": token_in(everyone_form(web, str(token.id)))})
    assert answer.headers["Location"] == "/tokens?everyone=yes"
    assert "revoked" in page_of(browser)


def everyone_form(web: FlaskClient, token_id: str) -> str:
    return web.get(f"/tokens/{token_id}/revoke").text


def test_many_tokens_have_pages(web: FlaskClient, services: Services, admin: Actor) -> None:
    for number in range(52):
        services.tokens.create(admin, f"program {number:02}")
    first = page_of(web)
    older = re.search(r'rel="next" href="(/tokens\?before=[^"]+)"', first)
    assert older is not None
    second = web.get(older[1]).text
    assert ("program 51" in first, "program 01" in first) == (True, False)
    assert ("program 51" in second, "program 01" in second, 'rel="next"' in second) == (False, True, False)
