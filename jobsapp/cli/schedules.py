"""`flask schedules …`: list, show, create, edit, pause, resume, run and delete schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from jobsapp.cli.jobs import Moment, parse_data, uploaded
from jobsapp.cli.remote import with_client
from jobsapp.cli.tables import table

if TYPE_CHECKING:
    from jobsapp.client import Client, Schedule

F = TypeVar("F", bound=Callable[..., Any])
FIELDS = (
    click.option("--cron", help="Five fields, as in '30 2 * * MON-FRI'."),
    click.option("--zone", help="On whose clock, as Europe/Berlin.  [default: UTC]"),
    click.option("--every", "every_seconds", type=int, metavar="SECONDS", help="Instead of --cron."),
    click.option("--ends-at", type=Moment(), help="No run after this time, as in 2026-11-23T18:00:00Z."),
    click.option("--jitter", "jitter_seconds", type=int, metavar="SECONDS", help="Each run is late by up to so much."),
    click.option("--missed", type=click.Choice(["skip", "once", "all"]), help="What becomes of runs that were missed."),
    click.option("--missed-limit", type=int, help="With --missed all: how many at most."),
    click.option(
        "--overlap",
        type=click.Choice(["skip", "queue", "cancel", "allow"]),
        help="What becomes of a run that is due while the last job has not ended.",
    ),
    click.option("--data", help="The input of its jobs, JSON."),
    click.option("--name", help="A name for people."),
    click.option("--priority", type=int, help="Larger runs first."),
    click.option("--max-attempts", type=int),
    click.option("--timeout", "timeout_seconds", type=float, metavar="SECONDS", help="How long an attempt may take."),
)


def _fields(function: F) -> F:
    for option in reversed(FIELDS):
        function = option(function)
    return function


@click.group()
def schedules() -> None:
    """Schedules: list, show, create, edit, pause, resume, run, delete."""


@schedules.command("list")
@click.option("--status", type=click.Choice(["active", "paused", "ended"]))
@click.option("--type", "type_name")
@click.option("--owner", help="`me`, or the e-mail address or id of whose schedules they are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_client
def list_schedules(client: Client, /, status: Any, type_name: str | None, owner: str | None, as_json: bool) -> None:
    """Print schedules, the newest first."""
    found = client.schedules(type=type_name, status=status, user=owner)
    if as_json:
        for one in found:
            click.echo(one.as_json())
        return
    table([("ID", "TYPE", "STATUS", "NEXT", "WHEN", "NAME"), *map(_row, found)])


@schedules.command("show")
@click.argument("schedule_id", type=click.UUID)
@click.option("--runs", "of_runs", is_flag=True, help="What came of its runs instead, the latest first.")
@with_client
def show_schedule(client: Client, /, schedule_id: UUID, of_runs: bool) -> None:
    """Print a schedule as JSON."""
    if not of_runs:
        click.echo(client.schedule(schedule_id).as_json(indent=2))
        return
    for run in client.schedule_runs(schedule_id):
        click.echo(run.as_json())


@schedules.command("create")
@click.argument("type_name", metavar="TYPE")
@click.option("--file", "files", multiple=True, metavar="FIELD=PATH", help="Upload a file and name it in a field.")
@_fields
@with_client
def create_schedule(client: Client, /, type_name: str, files: tuple[str, ...], data: str | None, **said: Any) -> None:
    """Create a schedule and print its id."""
    fields = {**parse_data(data or "{}"), **uploaded(client, files)}
    click.echo(str(client.create_schedule(type_name, fields, **_given(said)).id))


@schedules.command("edit")
@click.argument("schedule_id", type=click.UUID)
@_fields
@with_client
def edit_schedule(client: Client, /, schedule_id: UUID, data: str | None, **said: Any) -> None:
    """Change what is given and print what it is now."""
    fields = None if data is None else parse_data(data)
    table([_row(client.change_schedule(schedule_id, data=fields, **_given(said)))])


@schedules.command("pause")
@click.argument("schedule_id", type=click.UUID)
@click.option("--reason")
@with_client
def pause_schedule(client: Client, /, schedule_id: UUID, reason: str | None) -> None:
    """Let nothing be due until it is resumed."""
    click.echo(client.pause_schedule(schedule_id, reason=reason).status)


@schedules.command("resume")
@click.argument("schedule_id", type=click.UUID)
@with_client
def resume_schedule(client: Client, /, schedule_id: UUID) -> None:
    """Plan its next run from now on."""
    click.echo(client.resume_schedule(schedule_id).status)


@schedules.command("run")
@click.argument("schedule_id", type=click.UUID)
@with_client
def run_schedule(client: Client, /, schedule_id: UUID) -> None:
    """Create a job of it now and print the job's id."""
    click.echo(str(client.run_schedule(schedule_id).job_id))


@schedules.command("delete")
@click.argument("schedule_id", type=click.UUID)
@with_client
def delete_schedule(client: Client, /, schedule_id: UUID) -> None:
    """Delete a schedule with its history. Its jobs stay."""
    client.delete_schedule(schedule_id)
    click.echo("Deleted.")


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _row(one: Schedule) -> tuple[str, ...]:
    upcoming = one.next_runs[0].astimezone().strftime("%Y-%m-%d %H:%M:%S") if one.next_runs else "-"
    return (str(one.id), one.type, one.status, upcoming, one.text, one.name)
