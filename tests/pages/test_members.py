"""The page of the members, and going from one organisation to another."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn, token_in


def post(browser: FlaskClient, path: str, page: str = "/members", **form: str) -> str:
    form["csrf_token"] = token_in(browser.get(page).text)
    return browser.post(path, data=form, follow_redirects=True).text


def test_somebody_is_invited_by_a_link_that_is_shown_once(
    web: FlaskClient, sign_in: SignIn, services: Services
) -> None:
    page = post(web, "/members", email="ann@example.org", role="operator")
    link = re.search(r'value="[^"]*(/login/[^"]+)"', page)
    assert link is not None
    assert "/login/" not in web.get("/members").text
    assert services.identity.redeem_login_secret(link[1].removeprefix("/login/")).role == "operator"
    refused = post(web, "/members", email="ann@example.org", role="operator")
    assert "is a member already" in refused
    assert 'aria-invalid="true"' in refused


def test_a_login_link_is_answered_and_kept_nowhere(web: FlaskClient, csrf: str, member: Actor) -> None:
    forms = {"/members": {"email": "ann@example.org", "role": "viewer"}, f"/members/{member.user_id}/link": {}}
    for path, form in forms.items():
        answer = web.post(path, data={"csrf_token": csrf, **form})
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.search(r'value="[^"]*/login/[^"]+"', answer.text)
        with web.session_transaction() as session:
            assert set(session) == {LOGIN, "_permanent", "csrf_token"}
        assert "/login/" not in web.get("/members").text


def test_a_role_is_changed_and_a_member_removed(web: FlaskClient, member: Actor, sign_in: SignIn) -> None:
    theirs = sign_in(member)
    assert "member@localhost is viewer now." in post(web, f"/members/{member.user_id}/role", role="viewer")
    assert theirs.get("/jobs").status_code == 200
    asked = web.get(f"/members/{member.user_id}/remove").text
    assert "Their jobs stay" in asked
    assert "was removed" in post(web, f"/members/{member.user_id}/remove", f"/members/{member.user_id}/remove")
    assert theirs.get("/jobs").status_code == 303


def test_the_last_administrator_is_told(web: FlaskClient, admin: Actor) -> None:
    assert "last administrator" in post(web, f"/members/{admin.user_id}/remove")


def test_the_organisation_is_renamed(web: FlaskClient, csrf: str) -> None:
    assert "belongs to The bakery," in post(web, "/organization", name=" The bakery ")
    assert "Give the organisation a name." in post(web, "/organization", name=" ")


def test_members_see_who_is_there_and_no_forms(sign_in: SignIn, member: Actor) -> None:
    page = sign_in(member).get("/members").text
    assert "admin@localhost" in page
    assert not re.findall(r'action="/members[^"]*"', page)
    assert "Remove" not in page


def test_a_user_of_two_organisations_goes_from_one_to_the_other(
    services: Services, sign_in: SignIn, member: Actor, stranger: Actor
) -> None:
    services.jobs.create(member, NewJob("echo", {}, name="at home"))
    services.jobs.create(stranger, NewJob("echo", {}, name="elsewhere's own"))
    services.memberships.add(stranger.organization_id, member.user_id, "viewer")
    browser = sign_in(member)
    here = browser.get("/jobs").text
    assert "at home" in here
    old = token_in(here)
    path = f"/organizations/{stranger.organization_id}/switch"
    assert f'action="{path}"' in here
    there = post(browser, path, "/jobs")
    assert "You are in the organisation elsewhere now." in there
    assert "elsewhere&#39;s own" in there
    assert "at home" not in there
    # A page of the first that is still open changes nothing here.
    assert browser.post(f"/organizations/{member.organization_id}/switch", data={"csrf_token": old}).status_code == 403
    assert "at home" in post(browser, f"/organizations/{member.organization_id}/switch", "/jobs")


def test_nobody_goes_where_they_do_not_belong(web: FlaskClient, csrf: str, stranger: Actor) -> None:
    answer = web.post(f"/organizations/{stranger.organization_id}/switch", data={"csrf_token": csrf})
    assert answer.status_code == 404


@pytest.mark.parametrize(("role", "buttons"), [("viewer", False), ("operator", True)])
def test_pages_hide_what_one_may_not_do(
    services: Services, admin: Actor, sign_in: SignIn, role: str, buttons: bool
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    user = services.identity.create_user("looks@localhost", role=role)
    browser = sign_in(services.identity.get_actor(user.id))
    shown, listed, queues = (browser.get(path).text for path in (f"/jobs/{job.id}", "/jobs", "/queues"))
    assert ("Share by link" in shown) is buttons
    assert ('class="read-only"' not in shown) is buttons
    assert ('href="/jobs/new"' in listed) is buttons
    assert ('id="many"' in listed) is buttons
    assert ("/pause" in queues) is buttons
    assert "/limits" not in queues
