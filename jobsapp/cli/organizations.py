"""`flask orgs …`: organisations and who belongs to them, for who runs the installation."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app, role_option, table


@click.group()
def orgs() -> None:
    """Organisations."""


@orgs.command("list")
@in_app
def list_organizations() -> None:
    """Print every organisation, how many members it has, and which one runs the installation."""
    services().identity.bootstrap()
    rows = [("NAME", "MEMBERS", "")]
    for one, members in services().organizations.all():
        rows.append((one.name, f"{members:,}", "runs the installation" if one.runs_installation else ""))
    table(rows)


@orgs.command("create")
@click.argument("name")
@click.option("--admin", metavar="EMAIL", help="Make this first administrator too, and print a login link.")
@in_app
def create(name: str, admin: str | None) -> None:
    """Create an organisation."""
    made = services().organizations.create(name)
    click.echo(f"Created {made.name}.")
    if admin is not None:
        services().identity.create_user(admin, role="admin", organization=made.name)
        click.echo(f"{services().settings.base_url}/login/{services().identity.make_login_link(admin)}")


@orgs.command("rename")
@click.argument("name")
@click.argument("new_name")
@in_app
def rename(name: str, new_name: str) -> None:
    """Give an organisation another name."""
    services().organizations.rename(services().organizations.named(name).id, new_name)
    click.echo(f"Renamed {name} to {new_name.strip()}.")


@orgs.command("members")
@click.argument("name")
@in_app
def members(name: str) -> None:
    """Print the members of an organisation with their roles."""
    organization_id = services().organizations.named(name).id
    rows = [("EMAIL", "ROLE", "")]
    for one in services().memberships.all(organization_id):
        rows.append((one.user.email, one.role, "deactivated" if one.user.deactivated_at else ""))
    table(rows)


@orgs.command("add")
@click.argument("name")
@click.argument("email")
@role_option
@in_app
def add(name: str, email: str, role: str) -> None:
    """Make a user who is there already a member of one more organisation. Be sure whose account it is.

    Their password, login links and sessions end: administrators of the other organisation could have made them.
    """
    organization_id, user = services().organizations.named(name).id, services().identity.get_user(email)
    services().memberships.add(organization_id, user.id, role)
    click.echo(f"{email} is {role} of {name} now, and signs in anew. Make a login link: flask users login {email}")


@orgs.command("remove")
@click.argument("name")
@click.argument("email")
@in_app
def remove(name: str, email: str) -> None:
    """End a membership. What it holds ends at once: sessions, tokens, links; the jobs stay."""
    organization_id, user = services().organizations.named(name).id, services().identity.get_user(email)
    services().memberships.remove(organization_id, user.id)
    click.echo(f"Removed {email} from {name}.")
