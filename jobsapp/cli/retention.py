"""`flask retention …`: list, set and remove rules of how long jobs are kept, and prune now."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.core.archives import FORMATS
from jobsapp.core.retention import FINISHED, JOBS, MAX_DAYS, UPLOADS
from jobsapp.runtime.house import build_house
from jobsapp.runtime.pruner import Pruner
from jobsapp.services.retention import NewRule, RuleView

scope_option = click.option("--uploads", "of_uploads", is_flag=True, help="Of uploads that no job reads, not of jobs.")
type_option = click.option("--type", "job_type", default="", help="Of jobs of this type. [default: of every type]")
status_option = click.option(
    "--status", type=click.Choice(FINISHED), help="Of jobs that ended so. [default: however they ended]"
)


@click.group()
def retention() -> None:
    """Retention: for how long jobs and uploads are kept, by type and state."""


@retention.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_rules(as_json: bool, email: str | None) -> None:
    """Print the rules, with what each will delete next."""
    views = services().retention.rules(actor_of(email))
    if as_json:
        for view in views:
            click.echo(view.model_dump_json(by_alias=True))
        return
    if not views:
        click.echo("Everything is kept.")
        return
    table([("SCOPE", "TYPE", "STATUS", "KEPT", "ARCHIVE", "NEXT"), *map(_line, views)])


@retention.command("set")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), help="For how many days.")
@click.option("--for-ever", is_flag=True, help="Keep them, whatever other rules say.")
@click.option("--archive", type=click.Choice(FORMATS), help="Write jobs to a file before they are deleted.")
@scope_option
@type_option
@status_option
@user_option
@in_app
def set_rule(
    days: int | None,
    for_ever: bool,
    archive: str | None,
    of_uploads: bool,
    job_type: str,
    status: str | None,
    email: str | None,
) -> None:
    """Set or replace a rule."""
    if (days is None) is not for_ever:
        raise click.UsageError("Give either --days or --for-ever.")
    scope = UPLOADS if of_uploads else JOBS
    view = services().retention.set_rule(actor_of(email), NewRule(days, scope, job_type, status or "", archive or ""))
    table([_line(view)])


@retention.command("remove")
@scope_option
@type_option
@status_option
@user_option
@in_app
def remove_rule(of_uploads: bool, job_type: str, status: str | None, email: str | None) -> None:
    """Remove a rule."""
    scope = UPLOADS if of_uploads else JOBS
    services().retention.remove_rule(actor_of(email), scope=scope, type=job_type, status=status or "")
    click.echo("Removed.")


@retention.command("run")
@in_app
def run() -> None:
    """Prune now, by the rules of all organisations. The keeper does so every hour."""
    deleted = Pruner(build_house(services().settings)).prune(at_once=True)
    click.echo(f"Deleted {deleted} jobs and uploads.")


def _line(view: RuleView) -> tuple[str, ...]:
    kept = "for ever" if view.days is None else f"{view.days} days"
    due = "-" if view.outlook is None else f"{view.outlook.due}{'+' if view.outlook.is_more else ''}"
    default = " (default)" if view.is_default else ""
    return (view.scope, view.type or "*", view.status or "*", kept + default, view.archive or "-", due)
