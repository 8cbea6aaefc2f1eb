"""`flask users …`: accounts, for who runs the installation."""

from __future__ import annotations

from uuid import UUID

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app, role_option
from jobsapp.cli.identity import login_link
from jobsapp.core.rights import Role
from jobsapp.errors import NotFound
from jobsapp.models import Membership, User


@click.group()
def users() -> None:
    """People who may sign in."""


@users.command("list")
@in_app
def list_users() -> None:
    """Print every membership: e-mail, role, organisation, and `deactivated` for who may not sign in."""
    services().identity.bootstrap()
    kept = services().memberships.all()
    for one in kept:
        click.echo(_line(one.user, one))
    members = {one.user_id for one in kept}
    for user in services().identity.users():
        if user.id not in members:
            click.echo(_line(user))


@users.command("create")
@click.argument("email")
@role_option
@click.option("--organization", help="Made if it is new; by default the one that runs the installation.")
@in_app
def create_user(email: str, role: str, organization: str | None) -> None:
    """Create a user and print a login link."""
    services().identity.create_user(email, role=role, organization=organization)
    click.echo(login_link(services().identity, services().settings, email))


@users.command("login")
@click.argument("email", required=False)
@in_app
def login(email: str | None) -> None:
    """Print a link that signs the user in once, within an hour; by default the first administrator."""
    identity = services().identity
    first = identity.bootstrap()
    click.echo(login_link(identity, services().settings, email or first.email))


@users.command("logout")
@click.argument("email")
@in_app
def logout(email: str) -> None:
    """Sign a user out of all browsers, at once."""
    ended = services().logins.end_all(_id(email))
    click.echo(f"Signed {email} out of {ended} browser{'' if ended == 1 else 's'}.")


@users.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option("--organization", help="In which, for who is a member of several.")
@in_app
def change_role(email: str, role: str, organization: str | None) -> None:
    """Give a member another role."""
    one = _membership(email, organization)
    services().memberships.set_role(one.organization_id, one.user_id, role)
    click.echo(f"{email} is {role} of {one.organization.name} now.")


@users.command("deactivate")
@click.argument("email")
@in_app
def deactivate(email: str) -> None:
    """Let nobody sign in to an account any more. Its sessions, tokens and links end at once; its jobs stay."""
    services().memberships.deactivate(_id(email))
    click.echo(f"Deactivated {email}.")


@users.command("activate")
@click.argument("email")
@in_app
def activate(email: str) -> None:
    """Let an account be used again. It needs a new login link and new tokens."""
    services().memberships.activate(_id(email))
    click.echo(f"Activated {email}. Make a login link: flask users login {email}")


def _id(email: str) -> UUID:
    """Raises NotFound."""
    return services().identity.get_user(email).id


def _line(user: User, one: Membership | None = None) -> str:
    where = [one.role, one.organization.name] if one else ["-", "-"]
    return "\t".join([user.email, *where, *(["deactivated"] if user.deactivated_at else [])])


def _membership(email: str, organization: str | None) -> Membership:
    """The one that is meant. Raises NotFound, and UsageError if it takes the organisation to tell."""
    found = services().memberships.of_user(_id(email))
    meant = [one for one in found if organization in (None, one.organization.name)]
    if not meant:
        raise NotFound(f"{email} is no member of {organization or 'any organisation'}.")
    if len(meant) > 1:
        names = ", ".join(one.organization.name for one in meant)
        raise click.UsageError(f"{email} is a member of {names}: say which with --organization.")
    return meant[0]
