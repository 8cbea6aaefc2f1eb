"""Signing in by link, once, and only to places on this site."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.pages.guard import local_path
from jobsapp.services import Services
from tests.pages.conftest import SignIn, token_in


def test_a_link_signs_in_once(client: FlaskClient, services: Services, admin: Actor) -> None:
    link = f"/login/{services.identity.create_login_secret(admin.email)}"
    page = client.get(link)
    # A preview or a mail scanner that opens the link does not use it up.
    page = client.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert client.get("/jobs").status_code == 303
    assert client.post(link, data={"csrf_token": token_in(page.text)}).location == "/jobs"
    assert client.get("/jobs").status_code == 200

    other = client.application.test_client()
    again = other.post(link, data={"csrf_token": token_in(other.get(link).text)})
    assert again.status_code == 401
    assert "This link no longer works" in again.text
    assert other.get("/jobs").status_code == 303


def test_a_link_needs_the_page_of_its_session(client: FlaskClient, services: Services, admin: Actor) -> None:
    link = f"/login/{services.identity.create_login_secret(admin.email)}"
    assert client.post(link).status_code == 403
    assert client.post(link, data={"csrf_token": token_in(client.get(link).text)}).status_code == 303


def test_back_to_the_page_that_was_asked_for(client: FlaskClient, services: Services, admin: Actor) -> None:
    answer = client.get("/jobs?status=failed")
    assert answer.location == "/login?next=/jobs?status%3Dfailed"
    client.get(answer.location)
    link = f"/login/{services.identity.create_login_secret(admin.email)}"
    assert client.post(link, data={"csrf_token": token_in(client.get(link).text)}).location == "/jobs?status=failed"


@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "evil",
     "/\nevil", "", None, "///evil.example", "//["],
)  # fmt: skip
def test_never_to_another_site(address: str | None) -> None:
    assert local_path(address) is None


def test_no_open_redirect(web: FlaskClient) -> None:
    assert web.get("/login?next=//evil.example").location == "/jobs"
    assert web.get("/login?next=/jobs/new").location == "/jobs/new"


def test_an_address_that_is_none(web: FlaskClient, client: FlaskClient) -> None:
    assert web.get("/login?next=//[").location == "/jobs"
    answer = client.get("/jobs", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert answer.headers["HX-Redirect"] == "/login"


@pytest.mark.parametrize("path", ["/login/x", "/logout", f"/jobs/{UUID(int=1)}/cancel", f"/jobs/{UUID(int=1)}/retry"])
@pytest.mark.parametrize("signed_in", [False, True])
def test_pages_without_files_store_none(
    client: FlaskClient, web: FlaskClient, services: Services, path: str, signed_in: bool
) -> None:
    browser = web if signed_in else client.application.test_client()
    answer = browser.post(path, data={"file": (io.BytesIO(b"x" * 200_000), "a.bin")})
    assert answer.status_code in (413, 303)
    assert not (services.settings.files_dir / "incoming").exists()
    if signed_in:
        assert answer.status_code == 413
        assert "No file is taken here" in answer.text


def test_the_login_page_says_how(client: FlaskClient) -> None:
    assert "flask users login" in client.get("/login").text


def test_signing_out(web: FlaskClient, csrf: str) -> None:
    assert web.post("/logout").status_code == 403
    assert web.post("/logout", data={"csrf_token": csrf}).location == "/login"
    assert web.get("/jobs").status_code == 303


def test_htmx_is_led_to_the_login(client: FlaskClient) -> None:
    answer = client.get("/jobs", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/jobs?q=a"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/jobs?q%3Da"


def test_a_removed_user_is_out(sign_in: SignIn, member: Actor, services: Services) -> None:
    from jobsapp.extensions import db
    from jobsapp.models import LoginLink, User

    client = sign_in(member)
    db.session.query(LoginLink).delete()
    db.session.query(User).filter_by(id=member.user_id).delete()
    db.session.commit()
    assert client.get("/jobs").status_code == 303
