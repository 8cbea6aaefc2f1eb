"""`flask audit`: print who did what."""

from __future__ import annotations

from datetime import datetime

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.cli.jobs import Moment
from jobsapp.core.audit import Action
from jobsapp.services.audit import WINDOW, AuditEventView, AuditFilter


@click.command()
@click.option("--who", metavar="EMAIL", help="Only what they did; also `command line`, `jobsapp` and `nobody`.")
@click.option("--action", type=click.Choice([action.value for action in Action]), help="Only such entries.")
@click.option("--after", type=Moment(), help="Then or later, as in 2026-11-23T18:00:00Z.")
@click.option("--before", type=Moment())
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def audit(
    who: str | None,
    action: str | None,
    after: datetime | None,
    before: datetime | None,
    limit: int,
    as_json: bool,
    email: str | None,
) -> None:
    """Print what was done in the organisation of an administrator, newest first."""
    wanted = AuditFilter(who, action, after, before)
    found, older = services().audit.page(actor_of(email), wanted, limit=limit)
    if older is not None and len(found) < limit:
        click.echo(f"No more among the {WINDOW:,} entries looked at. Older ones may match.", err=True)
    if as_json:
        for one in found:
            click.echo(one.model_dump_json(by_alias=True))
    elif found:
        table([("TIME", "WHO", "DID", "FROM"), *(_row(one) for one in found)])


def _row(one: AuditEventView) -> tuple[str, str, str, str]:
    facts = "; ".join(f"{name}: {text}" for name, text in one.facts.items())
    did = f"{one.text} ({facts})" if facts else one.text
    who = f"{one.actor} (token {one.token_name or one.token_id})" if one.token_id else one.actor
    return one.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"), who, did, one.address or ""
