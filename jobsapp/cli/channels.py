"""`flask notifications create | change | secret | delete`: channels, the ways by which somebody is told."""

from __future__ import annotations

from uuid import UUID

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, user_option
from jobsapp.core.notifications import Kind
from jobsapp.services.channels import ChannelChange, ChannelView, NewChannel

url_option = click.option("--url", help="Where a webhook leads, or an address of apprise, as slack://….")
to_option = click.option("--to", multiple=True, metavar="ADDRESS", help="For e-mail of the organisation, each.")
channel_argument = click.argument("channel_id", type=click.UUID, metavar="CHANNEL")


@click.command("create")
@click.argument("kind", type=click.Choice([kind.value for kind in Kind]))
@click.argument("name")
@url_option
@to_option
@click.option("--organization", is_flag=True, help="Of the organisation, not of the user alone.")
@user_option
@in_app
def create_channel(
    kind: str, name: str, url: str | None, to: tuple[str, ...], organization: bool, email: str | None
) -> None:
    """Make a channel and print its id. The secret of a webhook is told this once, on the error output."""
    scope = "organization" if organization else "own"
    made = services().channels.create(actor_of(email), NewChannel(kind, name, scope, to, url or ""))
    click.echo(made.id)
    _tell_secret(made)


@click.command("change")
@channel_argument
@click.option("--name")
@url_option
@to_option
@click.option("--on/--off", "enabled", default=None, help="What waited is sent when it is switched on again.")
@user_option
@in_app
def change_channel(
    channel_id: UUID, name: str | None, url: str | None, to: tuple[str, ...], enabled: bool | None, email: str | None
) -> None:
    """Change what is given, and switch a channel off or on."""
    change = ChannelChange(name, to or None, url, enabled)
    changed = services().channels.change(actor_of(email), channel_id, change)
    click.echo("off" if changed.disabled_at else "on")


@click.command("secret")
@channel_argument
@user_option
@in_app
def renew_secret(channel_id: UUID, email: str | None) -> None:
    """Make a new secret of a webhook and print it. For a day messages are signed with the old one too."""
    click.echo(services().channels.renew_secret(actor_of(email), channel_id).secret)


@click.command("delete")
@channel_argument
@user_option
@in_app
def delete_channel(channel_id: UUID, email: str | None) -> None:
    """Delete a channel with its rules and its log."""
    services().channels.delete(actor_of(email), channel_id)
    click.echo("Deleted.")


def _tell_secret(view: ChannelView) -> None:
    if view.secret:
        click.echo(f"Its secret, told this once: {view.secret}", err=True)
