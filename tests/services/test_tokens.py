"""API tokens below the web: what was made before scopes, and what is kept of a use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, event

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Right
from jobsapp.errors import NotFound, NotSignedIn
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store import schema


def migrate(url: str, to: str, *, up: bool) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, to)
    engine.dispose()


def test_tokens_from_before_scopes_keep_all_rights(settings: Settings) -> None:
    name = f"scopes_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")
    migrate(url, "0012", up=True)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        home, user, token = new_id(), new_id(), new_id()
        connection.execute("INSERT INTO organizations (id, name) VALUES (%s, 'x')", [home])
        users = "INSERT INTO users (id, organization_id, email, role) VALUES (%s, %s, 'a@b', 'admin')"
        connection.execute(users, [user, home])
        tokens = "INSERT INTO api_tokens (id, user_id, name, token_hash) VALUES (%s, %s, 'old', 'x')"
        connection.execute(tokens, [token, user])
        migrate(url, "0015", up=True)
        assert connection.execute("SELECT scopes FROM api_tokens").fetchall() == [(["admin"],)]


def statements_of_a_use(services: Services, text: str) -> list[str]:
    said: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        said.append(statement.split()[0])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        services.identity.actor_for_token(text)
    except NotSignedIn:
        pass
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
        db.session.remove()
    return said


def test_an_unknown_token_takes_the_same_statement_as_a_known_one(services: Services, admin: Actor) -> None:
    _, text = services.tokens.create(admin, "known", lifetime=timedelta(days=1))
    services.identity.actor_for_token(text)
    known, unknown = statements_of_a_use(services, text), statements_of_a_use(services, text + "x")
    assert known == unknown == ["SELECT"]


def test_a_use_is_written_every_minute_and_keeps_the_last_address(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    token, text = services.tokens.create(admin, "known")

    def used(address: str | None) -> tuple[Any, ...]:
        services.identity.actor_for_token(text, address)
        row = connection.execute("SELECT last_used_at, last_used_address FROM api_tokens WHERE id = %s", [token.id])
        return row.fetchone() or ()

    first = used("203.0.113.7")
    assert used("203.0.113.8") == first
    connection.execute("UPDATE api_tokens SET last_used_at = now() - interval '61 seconds'")
    assert used("203.0.113.8")[1] == "203.0.113.8"
    connection.execute("UPDATE api_tokens SET last_used_at = now() - interval '61 seconds'")
    # A socket that is asked whether it may stay has no address.
    assert used(None)[1] == "203.0.113.8"


@pytest.mark.parametrize(
    ("scope", "rights"),
    [
        ("read", {Right.READ}),
        ("jobs", {Right.READ, Right.CREATE, Right.CHANGE_JOBS}),
        ("operate", set(Right) - {Right.ADMINISTER}),
        ("admin", set(Right)),
    ],
)
def test_the_actor_of_a_token_is_narrowed(services: Services, admin: Actor, scope: str, rights: set[Right]) -> None:
    token, text = services.tokens.create(admin, "narrow", scopes=[scope])
    actor = services.identity.actor_for_token(text)
    assert (actor.rights, actor.token_id) == (rights, token.id)


def test_scopes_are_of_those_that_there_are(connection: psycopg.Connection[Any], services: Services) -> None:
    services.identity.create_token("admin@localhost", "x")
    for scopes in ("{}", "{all}", "{read,all}"):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE api_tokens SET scopes = %s", [scopes])


def test_a_token_reaches_the_organisation_it_was_made_in_and_ends_with_that_membership(
    services: Services, member: Actor, stranger: Actor
) -> None:
    """Whatever else its user joins and leaves."""
    first = services.identity.create_token(member.email, "first")
    services.memberships.add(stranger.organization_id, member.user_id, "admin")
    second = services.identity.create_token(member.email, "second", organization_id=stranger.organization_id)
    reached = {one: services.identity.actor_for_token(one) for one in (first, second)}
    assert (reached[first].organization_id, reached[first].role) == (member.organization_id, "member")
    assert (reached[second].organization_id, reached[second].role) == (stranger.organization_id, "admin")
    hidden, _ = services.jobs.create(stranger, NewJob("echo", {"text": "theirs"}))
    with pytest.raises(NotFound):
        services.jobs.get(reached[first], hidden.id)
    assert services.jobs.get(reached[second], hidden.id).id == hidden.id
    services.memberships.remove(member.organization_id, member.user_id)
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(first)
    assert services.identity.actor_for_token(second).organization_id == stranger.organization_id
    # Coming back makes no token valid again.
    services.memberships.add(member.organization_id, member.user_id, "member")
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(first)


def test_a_deactivated_account_has_no_token_anywhere(services: Services, member: Actor, stranger: Actor) -> None:
    services.memberships.add(stranger.organization_id, member.user_id, "viewer")
    made = [
        services.identity.create_token(member.email, "one", organization_id=one.organization_id)
        for one in (member, stranger)
    ]
    services.memberships.deactivate(member.user_id)
    services.memberships.activate(member.user_id)
    for one in made:
        with pytest.raises(NotSignedIn):
            services.identity.actor_for_token(one)
