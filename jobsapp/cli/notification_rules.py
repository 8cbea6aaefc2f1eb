"""`flask notifications rules …` and `words …`: what is told by which channel, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args
from uuid import UUID

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.errors import InvalidInput
from jobsapp.services.notification_rules import Event, NewNotificationRule, NotificationRuleView
from jobsapp.services.wording import DEFAULTS, Words

F = TypeVar("F", bound=Callable[..., Any])
EVENTS = get_args(Event)
SAID = (
    click.argument("channel_id", type=click.UUID, metavar="CHANNEL"),
    click.argument("events", type=click.Choice(EVENTS), nargs=-1, required=True, metavar="EVENT…"),
    click.option("--type", "types", multiple=True, help="Of jobs of this type alone; may be given again."),
    click.option("--schedule", "schedule_id", type=click.UUID, help="Of the jobs of this schedule."),
    click.option("--waiting", "waiting_seconds", type=int, default=600, metavar="SECONDS", show_default=True),
    click.option("--running", "running_seconds", type=int, default=3600, metavar="SECONDS", show_default=True),
    click.option(
        "--digest", "digest_minutes", type=int, default=0, metavar="MINUTES", help="One message each so often."
    ),
    click.option("--digest-above", type=int, default=10, show_default=True, help="More within a minute go out as one."),
    click.option("--quiet", metavar="HH:MM-HH:MM", help="When nothing is sent, as 22:00-07:00."),
    click.option("--zone", default="UTC", show_default=True, help="On whose clock that is."),
    click.option("--failures-through", is_flag=True, help="Failures are told then too."),
    click.option("--steps", is_flag=True, help="Of each step of a workflow too, not of the run alone."),
    click.option("--off", is_flag=True, help="It tells nothing for now."),
    user_option,
)


def _said(function: F) -> F:
    for one in reversed(SAID):
        function = one(function)
    return function


@click.group("rules")
def rules() -> None:
    """What is told by which channel."""


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_rules(as_json: bool, email: str | None) -> None:
    """Print the rules."""
    found = services().notification_rules.all(actor_of(email))
    if as_json:
        for view in found:
            click.echo(view.model_dump_json(by_alias=True))
        return
    table([("ID", "CHANNEL", "OF", "STATE", "EVENTS", "TYPES"), *map(_row, found)])


@rules.command("create")
@_said
@in_app
def create_rule(channel_id: UUID, email: str | None, **said: Any) -> None:
    """Tell of EVENT… by a channel from now on: completed, failed, cancelled, waiting-long, running-long. Prints the id
    of the rule.
    """
    actor = actor_of(email)
    scope = services().channels.get(actor, channel_id).scope
    click.echo(services().notification_rules.create(actor, _rule(channel_id, scope, **said)).id)


@rules.command("replace")
@click.argument("rule_id", type=click.UUID, metavar="RULE")
@_said
@in_app
def replace_rule(rule_id: UUID, channel_id: UUID, email: str | None, **said: Any) -> None:
    """Say anew what a rule is."""
    actor = actor_of(email)
    scope = services().notification_rules.get(actor, rule_id).scope
    table([_row(services().notification_rules.replace(actor, rule_id, _rule(channel_id, scope, **said)))])


@rules.command("remove")
@click.argument("rule_id", type=click.UUID, metavar="RULE")
@user_option
@in_app
def remove_rule(rule_id: UUID, email: str | None) -> None:
    """Tell of it no more."""
    services().notification_rules.remove(actor_of(email), rule_id)
    click.echo("Removed.")


@click.command("words")
@click.option("--subject", help="Of a message of one job: a template.")
@click.option("--text")
@click.option("--digest-subject", help="Of a message of many.")
@click.option("--digest-text")
@user_option
@in_app
def words(email: str | None, **said: str | None) -> None:
    """Print the organisation's words as JSON; set those that are given. An empty one is as it comes with jobsapp."""
    actor, own = actor_of(email), services().notification_words
    given = {name: text or None for name, text in said.items() if text is not None}
    found = own.get(actor)
    if given:
        found = own.set(actor, Words(**{name: getattr(found, name) for name in DEFAULTS} | given))
    click.echo(found.model_dump_json(by_alias=True, indent=2))


def _rule(
    channel_id: UUID, scope: str, *, quiet: str | None, steps: bool, off: bool, **said: Any
) -> NewNotificationRule:
    begin, dash, end = (quiet or "").partition("-")
    if quiet and not dash:
        raise InvalidInput.of("--quiet", "must be two times of a clock, as 22:00-07:00.")
    said |= {"quiet_from": begin or None, "quiet_until": end or None}
    return NewNotificationRule(channel_id, scope=scope, without_steps=not steps, enabled=not off, **said)


def _row(view: NotificationRuleView) -> tuple[str, ...]:
    state = "on" if view.enabled else "off"
    return (str(view.id), view.channel_name, view.scope, state, ", ".join(view.events), ", ".join(view.types) or "-")
