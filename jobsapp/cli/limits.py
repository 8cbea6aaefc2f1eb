"""`flask limits …`: list, set and remove limits of what runs."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.services.limits import LimitView, NewLimit

scope_argument = click.argument("scope", type=click.Choice(["queue", "type", "organization"]))


@click.group()
def limits() -> None:
    """Limits: how many jobs run at once or start in a period, per queue, type and organisation."""


@limits.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_limits(as_json: bool, email: str | None) -> None:
    """Print the limits, with how much of each is used."""
    views = services().limits.all(actor_of(email))
    if as_json:
        for view in views:
            click.echo(view.model_dump_json(by_alias=True))
        return
    table([("SCOPE", "KEY", "RUN AT ONCE", "STARTS"), *((one.scope, one.key, *_used(one)) for one in views)])


@limits.command("set")
@scope_argument
@click.argument("key")
@click.option("--max-active", type=int, help="How many jobs may run at once.")
@click.option("--max-starts", type=int, help="How many jobs may start within the period.")
@click.option("--period", type=float, metavar="SECONDS", help="The period of --max-starts.")
@user_option
@in_app
def set_limit(
    scope: str, key: str, max_active: int | None, max_starts: int | None, period: float | None, email: str | None
) -> None:
    """Set or replace a limit. KEY: a queue, a type, the id of an organisation, or '*' for each organisation."""
    view = services().limits.set(actor_of(email), scope, key, NewLimit(max_active, max_starts, period))
    click.echo("  ".join(("now:", *filter(None, _used(view)))))


@limits.command("remove")
@scope_argument
@click.argument("key")
@user_option
@in_app
def remove_limit(scope: str, key: str, email: str | None) -> None:
    """Remove a limit."""
    services().limits.remove(actor_of(email), scope, key)
    click.echo("Removed.")


def _used(view: LimitView) -> tuple[str, str]:
    active = "-" if view.active is None else str(view.active)
    starts = "-" if view.starts is None else str(view.starts)
    return (
        "" if view.max_active is None else f"{active} of {view.max_active}",
        "" if view.max_starts is None else f"{starts} of {view.max_starts} in {view.period_seconds:g} s",
    )
