"""Login sessions live on the server: they end there, whatever cookie anybody kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import Result
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from sqlalchemy import event

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.models import LoginLink
from jobsapp.services import Services
from tests.pages.conftest import SignIn, token_in

COOKIE = "jobsapp_session"


def is_in(client: FlaskClient) -> bool:
    return client.get("/jobs").status_code == 200


def copy(client: FlaskClient) -> FlaskClient:
    """Another browser that got hold of the cookie."""
    thief = client.application.test_client()
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    thief.set_cookie(COOKIE, cookie.value)
    return thief


def post(client: FlaskClient, path: str) -> None:
    token = token_in(client.get("/jobs/new/echo").text)
    assert client.post(path, data={"csrf_token": token}).location == "/login"


def held(client: FlaskClient) -> str:
    with client.session_transaction() as session:
        return str(session[LOGIN])


@contextmanager
def statements() -> Iterator[list[str]]:
    said: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield said
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_copied_cookie_is_refused_after_signing_out(web: FlaskClient) -> None:
    thief = copy(web)
    assert is_in(thief)
    post(web, "/logout")
    assert not is_in(thief)
    assert thief.get("/api/jobs").status_code == 401
    assert not is_in(web)


def test_signing_out_is_of_this_browser_alone(sign_in: SignIn, admin: Actor) -> None:
    here, there = sign_in(admin), sign_in(admin)
    post(here, "/logout")
    assert not is_in(here)
    assert is_in(there)


def test_signing_out_everywhere(sign_in: SignIn, admin: Actor, member: Actor) -> None:
    here, there, somebody = sign_in(admin), sign_in(admin), sign_in(member)
    assert here.post("/logout/everywhere").status_code == 403
    assert is_in(there)
    post(here, "/logout/everywhere")
    assert not is_in(here)
    assert not is_in(there)
    assert is_in(somebody)
    # Whoever is out already is only led to the sign-in.
    assert here.post("/logout/everywhere", data={"csrf_token": token_of_nobody(here)}).location == "/login"


def token_of_nobody(client: FlaskClient) -> str:
    return token_in(client.get("/login/any").text)


def test_signing_in_anew_ends_the_old_session(web: FlaskClient, services: Services, member: Actor) -> None:
    thief = copy(web)
    link = f"/login/{services.identity.create_login_secret(member.email)}"
    assert web.post(link, data={"csrf_token": token_in(web.get(link).text)}).status_code == 303
    assert "member@localhost" in web.get("/jobs").text
    assert not is_in(thief)


def test_the_id_alone_opens_nothing(web: FlaskClient, admin: Actor) -> None:
    login_id = UUID(held(web).partition(".")[0])
    assert login_id.version == 7
    for forged in (str(login_id), f"{login_id}.", f"{login_id}.guess", "nonsense", ""):
        with web.session_transaction() as session:
            session[LOGIN] = forged
        assert not is_in(web), forged
    with web.session_transaction() as session:
        session.clear()
        session["user"] = str(admin.user_id)
    assert not is_in(web)


def test_the_secret_is_not_kept(web: FlaskClient, connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("SELECT row_to_json(login_sessions)::text FROM login_sessions").fetchone()
    assert row is not None
    login_id, _, secret = held(web).partition(".")
    assert login_id in row[0]
    assert "Werkzeug" in row[0]
    assert secret not in row[0]
    assert secret.encode().hex() not in row[0]


def test_an_unused_session_ends_and_is_cleaned_up(
    web: FlaskClient, app: OpenAPI, connection: psycopg.Connection[Any]
) -> None:
    def cleanup() -> Result:
        return app.test_cli_runner().invoke(args=["cleanup", "--days", "30"])

    assert cleanup().exit_code == 0
    assert is_in(web)
    connection.execute("UPDATE login_sessions SET expires_at = now()")
    assert not is_in(web)
    assert cleanup().exit_code == 0
    assert connection.execute("SELECT count(*) FROM login_sessions").fetchone() == (0,)


def test_use_keeps_a_session_alive_and_is_written_down_rarely(
    web: FlaskClient, connection: psycopg.Connection[Any]
) -> None:
    late = "UPDATE login_sessions SET last_used_at = now() - interval '6 minutes', expires_at = now() + interval '1 h'"
    days = """SELECT extract(day from expires_at - last_used_at) FROM login_sessions
              WHERE last_used_at > now() - interval '1 minute'"""
    connection.execute(late)
    assert is_in(web)
    assert connection.execute(days).fetchone() == (30,)
    connection.execute("UPDATE login_sessions SET last_used_at = now() - interval '4 minutes'")
    assert is_in(web)
    assert connection.execute(days).fetchone() is None


def test_who_is_asking_costs_one_statement(web: FlaskClient) -> None:
    is_in(web)
    with statements() as said:
        assert is_in(web)
    # Beside it the list names the people whose jobs it can show.
    asked = [text for text in said if "users" in text and "ORDER BY users.email" not in text]
    assert asked == [text for text in said if "login_sessions" in text]
    assert sum("login_sessions" in text for text in said) == 1


@pytest.fixture
def flask(app: OpenAPI) -> Callable[..., Result]:
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def test_the_command_signs_out_everywhere(sign_in: SignIn, member: Actor, flask: Callable[..., Result]) -> None:
    browsers = [sign_in(member), sign_in(member)]
    assert "out of 2 browsers" in flask("users", "logout", member.email).output
    assert not any(is_in(browser) for browser in browsers)
    assert flask("users", "logout", "nobody@localhost").exit_code == 1


def test_login_links_that_have_expired_are_deleted(services: Services, admin: Actor) -> None:
    services.identity.create_login_secret(admin.email)
    living = services.identity.create_login_secret(admin.email)
    first = db.session.query(LoginLink).order_by(LoginLink.created_at, LoginLink.id).first()
    assert first is not None
    first.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    db.session.commit()
    assert services.logins.delete_expired() == 1
    assert db.session.query(LoginLink).count() == 1
    assert services.identity.redeem_login_secret(living).email == admin.email
