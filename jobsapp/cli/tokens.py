"""`flask tokens …`: create, list and revoke API tokens."""

from __future__ import annotations

from datetime import timedelta

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app, user_option
from jobsapp.core.rights import Scope
from jobsapp.services.tokens import LONGEST, token_state


@click.group()
def tokens() -> None:
    """API tokens: create, list, revoke."""


@tokens.command("create")
@click.option("--name", required=True, help="What it is for.")
@user_option
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=[Scope.ADMIN.value],
    show_default=True,
    help="What it may be used for, and never more than its user may do. One scope includes those before it.",
)
@click.option("--days", type=click.IntRange(1, LONGEST.days), help="Expires after so many days; never by default.")
@in_app
def create_token(name: str, email: str | None, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token and print it, alone on the last line. It is shown this once."""
    identity = services().identity
    first = identity.bootstrap()
    lifetime = None if days is None else timedelta(days=days)
    click.echo(identity.create_token(email or first.email, name, lifetime=lifetime, scopes=scopes))


@tokens.command("list")
@in_app
def list_tokens() -> None:
    """Print every token: id, name, user, whether it is valid, expired or revoked, its scopes, and its last use."""
    for token in services().identity.tokens():
        used = token.last_used_at.astimezone().strftime("%Y-%m-%d %H:%M") if token.last_used_at else "never used"
        last = f"{used} from {token.last_used_address}" if token.last_used_address else used
        scopes = ",".join(token.scopes)
        click.echo(f"{token.id}\t{token.name}\t{token.user.email}\t{token_state(token)}\t{scopes}\t{last}")


@tokens.command("revoke")
@click.argument("token", metavar="NAME|ID")
@in_app
def revoke_token(token: str) -> None:
    """Revoke a token, named by its name or the beginning of its id. It is refused from now on."""
    revoked = services().identity.revoke_token(token)
    click.echo(f"Revoked {revoked.name} of {revoked.user.email}.")
