"""`flask tokens …`, and login links."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app, user_option
from jobsapp.config import Settings
from jobsapp.services.identity import Identity, token_state


@click.group()
def tokens() -> None:
    """API tokens."""


@tokens.command("create")
@click.option("--name", required=True, help="What it is for.")
@user_option
@click.option("--days", type=click.IntRange(1), help="Expires after so many days; never by default.")
@in_app
def create_token(name: str, email: str | None, days: int | None) -> None:
    """Create a token and print it, alone on the last line. It is shown this once."""
    identity = services().identity
    first = identity.bootstrap()
    lifetime = None if days is None else timedelta(days=days)
    click.echo(identity.create_token(email or first.email, name, lifetime=lifetime))


@tokens.command("list")
@in_app
def list_tokens() -> None:
    """Print every token: id, name, user, and whether it is valid, expired or revoked."""
    for token in services().identity.tokens():
        click.echo(f"{token.id}\t{token.name}\t{token.user.email}\t{token_state(token)}")


@tokens.command("revoke")
@click.argument("token", metavar="NAME|ID")
@in_app
def revoke_token(token: str) -> None:
    """Revoke a token, named by its name or the beginning of its id. It is refused from now on."""
    revoked = services().identity.revoke_token(token)
    click.echo(f"Revoked {revoked.name} of {revoked.user.email}.")


def first_login_link(settings: Settings) -> str:
    """A one-time link for the first administrator, who is made if missing. Needs no application."""
    engine = create_engine(settings.sqlalchemy_url)
    try:
        session = scoped_session(sessionmaker(engine))
        identity = Identity(session)
        link = login_link(identity, settings, identity.bootstrap().email)
        session.remove()
        return link
    finally:
        engine.dispose()


def login_link(identity: Identity, settings: Settings, email: str) -> str:
    return f"{settings.base_url}/login/{identity.create_login_secret(email)}"
