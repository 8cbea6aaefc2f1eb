"""`flask users …`."""

from __future__ import annotations

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app
from jobsapp.config import Settings
from jobsapp.services.identity import DEFAULT_ORGANIZATION, FIRST_ADMIN, Identity


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
