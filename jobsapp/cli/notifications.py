"""`flask notifications …`: channels with their rules, a test, the log of messages, and sending again.

What makes and changes them is in `channels.py` and `notification_rules.py`.
"""

from __future__ import annotations

from uuid import UUID

import click

from jobsapp.auth.current import services
from jobsapp.cli.channels import change_channel, create_channel, delete_channel, renew_secret
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.cli.notification_rules import rules, words
from jobsapp.services.channels import ChannelView
from jobsapp.services.deliveries import DeliveryView

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def notifications() -> None:
    """Notifications: who is told of jobs, and how."""


for command in (create_channel, change_channel, renew_secret, delete_channel, rules, words):
    notifications.add_command(command)


@notifications.command("list")
@json_option
@user_option
@in_app
def list_channels(as_json: bool, email: str | None) -> None:
    """Print the channels, with what is told by each."""
    actor = actor_of(email)
    channels, rules = services().channels.all(actor), services().notification_rules.all(actor)
    if as_json:
        for view in [*channels, *rules]:
            click.echo(view.model_dump_json(by_alias=True))
        return
    if not channels:
        click.echo("Nobody is told of anything.")
        return
    told: dict[object, list[str]] = {}
    for rule in rules:
        told.setdefault(rule.channel_id, []).extend(rule.events if rule.enabled else ())
    lines = [_channel(one, told.get(one.id, [])) for one in channels]
    table([("ID", "NAME", "KIND", "OF", "TO", "STATE", "TELLS OF"), *lines])


@notifications.command("test")
@click.argument("channel_id", type=click.UUID)
@user_option
@in_app
def test(channel_id: UUID, email: str | None) -> None:
    """Send a message by a channel to see whether it arrives; print its id."""
    sent = services().deliveries.test(actor_of(email), services().channels, channel_id)
    click.echo(sent.id)


@notifications.command("deliveries")
@click.option("--channel", "channel_id", type=click.UUID, help="Of this channel.")
@click.option("--state", type=click.Choice(["pending", "delivered", "failed"]), help="In this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@json_option
@user_option
@in_app
def deliveries(channel_id: UUID | None, state: str | None, limit: int, as_json: bool, email: str | None) -> None:
    """Print messages, the newest first, with what came of them."""
    found, _ = services().deliveries.page(
        actor_of(email),
        channel_id=channel_id,
        state=state,
        limit=limit,
    )
    if as_json:
        for view in found:
            click.echo(view.model_dump_json(by_alias=True))
        return
    table([("ID", "MADE", "CHANNEL", "STATE", "TRIES", "SUBJECT", "LAST"), *map(_delivery, found)])


@notifications.command("replay")
@click.argument("delivery_id", type=click.UUID)
@user_option
@in_app
def replay(delivery_id: UUID, email: str | None) -> None:
    """Send a message again; one that still waits is tried now. Print its id."""
    click.echo(services().deliveries.replay(actor_of(email), delivery_id).id)


def _channel(view: ChannelView, events: list[str]) -> tuple[str, ...]:
    state = "off" if view.disabled_at else f"{view.failures} failed" if view.failures else "on"
    return (str(view.id), view.name, view.kind, view.scope, view.shown, state, ", ".join(events) or "-")


def _delivery(view: DeliveryView) -> tuple[str, ...]:
    made = view.created_at.isoformat(timespec="seconds")
    last = view.tries[-1] if view.tries else None
    said = "-" if last is None else last.error or str(last.status or "taken")
    return (str(view.id), made, view.channel_name, view.state, str(view.attempts), view.subject, said)
