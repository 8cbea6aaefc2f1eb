"""A token stays a token: no page makes a browser's session of it, and no administrator gets into what is another's."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from jobsapp.core.actors import Actor
from jobsapp.core.rights import Scope
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotSignedIn
from jobsapp.extensions import db
from jobsapp.models import LoginLink, LoginSession, User
from jobsapp.services import Services
from jobsapp.services.federation import Person
from tests.pages.conftest import SignIn

PASSWORD = "a long enough phrase for a test"
ANN = Person("https://provider.example", "ann", "Ann@Example.org", email_verified=True)
Headers = dict[str, str]


def bearer(services: Services, actor: Actor, scope: str) -> Headers:
    return {"Authorization": f"Bearer {services.identity.create_token(actor.email, 'test', scopes=[scope])}"}


def count(model: type[LoginSession] | type[LoginLink], user_id: UUID) -> int:
    db.session.rollback()
    return db.session.query(model).filter_by(user_id=user_id).count()


@pytest.mark.parametrize("scope", Scope)
def test_a_token_goes_to_no_other_organisation_and_gets_no_session(
    client: FlaskClient, services: Services, admin: Actor, stranger: Actor, scope: Scope
) -> None:
    services.memberships.add(stranger.organization_id, admin.user_id, "admin")
    headers = bearer(services, admin, scope)
    for one in (admin.organization_id, stranger.organization_id):
        answer = client.post(f"/organizations/{one}/switch", headers=headers)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
    assert count(LoginSession, admin.user_id) == 0
    narrowed = services.identity.actor_for_token(headers["Authorization"].removeprefix("Bearer "))
    with pytest.raises(Forbidden, match="stays in the organisation"):
        services.organizations.entered(narrowed, stranger.organization_id)


@pytest.mark.parametrize("scope", Scope)
def test_no_answer_to_a_token_sets_a_cookie(
    client: FlaskClient, services: Services, admin: Actor, member: Actor, scope: Scope
) -> None:
    headers = bearer(services, admin, scope)
    for path in ("/login", "/jobs", "/jobs/new/echo", "/members", "/tokens", "/account"):
        assert "Set-Cookie" not in client.get(path, headers=headers).headers, path
    # What leaves a note for the next page, where the scope lets it through.
    answer = client.post(f"/members/{member.user_id}/role", data={"role": "viewer"}, headers=headers)
    assert answer.status_code == (303 if scope == Scope.ADMIN else 403)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("scope", Scope)
def test_a_token_makes_no_login_link_for_its_own_user(
    client: FlaskClient, services: Services, admin: Actor, member: Actor, scope: Scope
) -> None:
    headers = bearer(services, admin, scope)
    assert client.post(f"/members/{admin.user_id}/link", headers=headers).status_code == 403
    assert count(LoginLink, admin.user_id) == 0
    # For others it takes the whole scope of administrators.
    answer = client.post(f"/members/{member.user_id}/link", headers=headers)
    assert (answer.status_code < 400) is (scope == Scope.ADMIN)
    assert count(LoginLink, member.user_id) == (1 if scope == Scope.ADMIN else 0)
    assert "Set-Cookie" not in answer.headers


def test_a_login_link_for_a_member_of_two_organisations_is_made_by_neither(
    web: FlaskClient, csrf: str, client: FlaskClient, services: Services, admin: Actor, member: Actor, stranger: Actor
) -> None:
    listed = client.get("/api/members", headers=bearer(services, admin, "read")).get_json()["members"]
    assert {one["email"]: one["ownAccount"] for one in listed}[member.email]
    services.memberships.add(stranger.organization_id, member.user_id, "admin")
    answer = web.post(f"/members/{member.user_id}/link", data={"csrf_token": csrf})
    assert answer.status_code == 403
    assert "belongs to another organisation too" in answer.text
    assert count(LoginLink, member.user_id) == 0
    assert f"/members/{member.user_id}/link" not in web.get("/members").text
    listed = client.get("/api/members", headers=bearer(services, admin, "read")).get_json()["members"]
    own = {one["email"]: one["ownAccount"] for one in listed}
    assert own == {admin.email: True, member.email: False}


def test_what_one_organisation_made_for_an_account_does_not_open_another(
    sign_in: SignIn, client: FlaskClient, services: Services, admin: Actor, member: Actor, stranger: Actor
) -> None:
    # The administrator of the first makes two links, and a password by one of them.
    unused = services.members.login_secret(admin, member.user_id)
    services.passwords.change(member, old="", new=PASSWORD, address="")
    browser = sign_in(member)
    assert browser.get("/jobs").status_code == 200
    services.memberships.add(stranger.organization_id, member.user_id, "admin")
    assert browser.get("/jobs").status_code == 303
    with pytest.raises(NotSignedIn):
        services.identity.redeem_login_secret(unused)
    with pytest.raises(NotSignedIn):
        services.passwords.check(member.email, PASSWORD, "192.0.2.1")


def test_nor_after_the_account_left_the_first(services: Services, member: Actor, stranger: Actor) -> None:
    services.passwords.change(member, old="", new=PASSWORD, address="")
    services.memberships.remove(member.organization_id, member.user_id)
    services.memberships.add(stranger.organization_id, member.user_id, "admin")
    with pytest.raises(NotSignedIn):
        services.passwords.check(member.email, PASSWORD, "192.0.2.1")


def test_who_comes_back_to_their_only_organisation_keeps_the_password(services: Services, member: Actor) -> None:
    services.passwords.change(member, old="", new=PASSWORD, address="")
    services.memberships.remove(member.organization_id, member.user_id)
    services.memberships.add(member.organization_id, member.user_id, "viewer")
    assert services.passwords.check(member.email, PASSWORD, "192.0.2.1").user_id == member.user_id


def test_the_first_verified_identity_ends_what_others_put_into_the_account(
    sign_in: SignIn, services: Services, admin: Actor
) -> None:
    """An administrator invites the address of somebody who knows nothing of it, and makes themselves at home."""
    invited, secret = services.members.invite(admin, "ann@example.org", "member")
    taken = services.identity.redeem_login_secret(secret)
    services.passwords.change(taken, old="", new=PASSWORD, address="")
    unused = services.members.login_secret(admin, invited.user_id)
    browser = sign_in(taken)
    assert services.federation.sign_in(ANN).user_id == invited.user_id
    assert browser.get("/jobs").status_code == 303
    with pytest.raises(NotSignedIn):
        services.passwords.check("ann@example.org", PASSWORD, "192.0.2.1")
    with pytest.raises(NotSignedIn):
        services.identity.redeem_login_secret(unused)
    # What the owner sets from then on is theirs, also when they come by another account of theirs.
    services.passwords.change(taken, old="", new=PASSWORD, address="")
    services.federation.sign_in(replace(ANN, issuer="https://second.example"))
    services.federation.sign_in(ANN)
    assert services.passwords.check("ann@example.org", PASSWORD, "192.0.2.1").user_id == invited.user_id


def test_an_address_in_other_letters_is_the_same_account(services: Services, admin: Actor, stranger: Actor) -> None:
    invited, _ = services.members.invite(admin, "Ann@Example.org", "member")
    assert invited.email == "ann@example.org"
    with pytest.raises(InvalidInput, match="is a member already"):
        services.members.invite(admin, "ANN@example.org", "member")
    with pytest.raises(Conflict, match="another organisation"):
        services.members.invite(stranger, "aNN@example.org", "member")
    with pytest.raises(InvalidInput, match="already"):
        services.identity.create_user("ann@EXAMPLE.org")
    assert services.identity.get_user(" Ann@example.org").id == invited.user_id
    assert services.federation.sign_in(ANN).user_id == invited.user_id
    # The database itself keeps a second one from being made.
    with pytest.raises(IntegrityError):
        db.session.execute(insert(User).values(home_id=admin.organization_id, email="ANN@example.org"))
    db.session.rollback()
