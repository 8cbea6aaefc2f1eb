"""`flask users …` and `flask tokens …`."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app, user_option
from jobsapp.config import Settings
from jobsapp.services.identity import DEFAULT_ORGANIZATION, FIRST_ADMIN, Identity, token_state


@click.group()
def users() -> None:
    """People who may sign in."""


@users.command("list")
@in_app
def list_users() -> None:
    """Print every user: e-mail, role, organisation."""
    identity = services().identity
    identity.bootstrap()
    for user in identity.users():
        click.echo(f"{user.email}\t{user.role}\t{user.organization.name}")


@users.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(["member", "admin"]), default="member", show_default=True)
@click.option("--organization", default=DEFAULT_ORGANIZATION, show_default=True, help="Made if it is new.")
@in_app
def create_user(email: str, role: str, organization: str) -> None:
    """Create a user and print a login link."""
    services().identity.create_user(email, role=role, organization=organization)
    click.echo(_login_link(services().identity, services().settings, email))


@users.command("login")
@click.argument("email", default=FIRST_ADMIN)
@in_app
def login(email: str) -> None:
    """Print a link that signs the user in once, within an hour."""
    identity = services().identity
    identity.bootstrap()
    click.echo(_login_link(identity, services().settings, email))


@users.command("logout")
@click.argument("email")
@in_app
def logout(email: str) -> None:
    """Sign a user out of all browsers, at once."""
    ended = services().logins.end_all(services().identity.get_user(email).id)
    click.echo(f"Signed {email} out of {ended} browser{'' if ended == 1 else 's'}.")


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
    identity.bootstrap()
    lifetime = None if days is None else timedelta(days=days)
    click.echo(identity.create_token(email or FIRST_ADMIN, name, lifetime=lifetime))


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
        identity.bootstrap()
        link = _login_link(identity, settings, FIRST_ADMIN)
        session.remove()
        return link
    finally:
        engine.dispose()


def _login_link(identity: Identity, settings: Settings, email: str) -> str:
    return f"{settings.base_url}/login/{identity.create_login_secret(email)}"
