"""`flask workflows …`: list, show, save, check, delete and run workflows, and answer their runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from jobsapp.cli.jobs import parse_data, uploaded
from jobsapp.cli.remote import with_client
from jobsapp.cli.tables import table

if TYPE_CHECKING:
    from jobsapp.client import Client
    from jobsapp.client.workflow_answers import Step

source_argument = click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
job_argument = click.argument("job_id", type=click.UUID)


@click.group()
def workflows() -> None:
    """Workflows: list, show, save, check, delete, run, steps, approve, reject, signal, resume."""


@workflows.command("list")
@with_client
def list_workflows(client: Client, /) -> None:
    """Print the workflows, by name."""
    rows = [(one.name, _version(one.version), str(one.steps), one.title) for one in client.workflows.list()]
    table([("NAME", "VERSION", "STEPS", "TITLE"), *rows])


@workflows.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="The newest by default.")
@with_client
def show_workflow(client: Client, /, name: str, version: int | None) -> None:
    """Print a workflow as it was written."""
    click.echo(client.workflows.get(name, version=version).source, nl=False)


@workflows.command("versions")
@click.argument("name")
@with_client
def list_versions(client: Client, /, name: str) -> None:
    """Print what was saved under a name, the newest first."""
    rows = (
        (str(one.version), f"{one.created_at or '-'}", one.created_by or "-") for one in client.workflows.versions(name)
    )
    table([("VERSION", "SAVED", "BY"), *rows])


@workflows.command("save")
@click.argument("name")
@source_argument
@with_client
def save_workflow(client: Client, /, name: str, source: Path) -> None:
    """Keep a file in YAML or JSON as the newest version of a workflow, and print its number."""
    click.echo(_version(client.workflows.save(name, _text(source)).version))


@workflows.command("check")
@source_argument
@with_client
def check_workflow(client: Client, /, source: Path) -> None:
    """Print what is wrong with a file, a line for each fault. Exit status: 1 if there are any."""
    faults = client.workflows.check(_text(source)).faults
    for fault in faults:
        click.echo(f"{fault.field}: {fault.message}")
    if faults:
        raise SystemExit(1)
    click.echo("Nothing is wrong.")


@workflows.command("delete")
@click.argument("name")
@with_client
def delete_workflow(client: Client, /, name: str) -> None:
    """Delete a workflow with all its versions. Its runs stay."""
    client.workflows.delete(name)
    click.echo("Deleted.")


@workflows.command("run")
@click.argument("name")
@click.option("--input", "given", default="{}", help="What the workflow asks for, JSON.")
@click.option("--file", "files", multiple=True, metavar="FIELD=PATH", help="Upload a file and name it in a field.")
@with_client
def run_workflow(client: Client, /, name: str, given: str, files: tuple[str, ...]) -> None:
    """Start a workflow and print the id of its job."""
    fields = {**parse_data(given), **uploaded(client, files)}
    click.echo(str(client.workflows.run(name, fields).id))


@workflows.command("steps")
@job_argument
@with_client
def show_steps(client: Client, /, job_id: UUID) -> None:
    """Print how far a run is, a line for each step."""
    rows = [
        (
            *(one.key, one.state, _took(one), _progress(one), one.waits_for or "", str(one.job_id or "")),
            (one.error and one.error.message) or "",
        )
        for one in client.workflows.steps(job_id).steps
    ]
    table([("STEP", "STATE", "TIME", "PROGRESS", "WAITS FOR", "JOB", "ERROR"), *rows])


@workflows.command("approve")
@job_argument
@click.argument("step")
@click.option("--fields", default="{}", help="What the step asks for, JSON.")
@click.option("--comment", default="")
@with_client
def approve(client: Client, /, job_id: UUID, step: str, fields: str, comment: str) -> None:
    """Approve what a step asks."""
    client.workflows.answer(job_id, step, approved=True, fields=parse_data(fields), comment=comment)
    click.echo("approved")


@workflows.command("reject")
@job_argument
@click.argument("step")
@click.option("--comment", default="", help="Why.")
@with_client
def reject(client: Client, /, job_id: UUID, step: str, comment: str) -> None:
    """Reject what a step asks: then it fails."""
    client.workflows.answer(job_id, step, approved=False, comment=comment)
    click.echo("rejected")


@workflows.command("signal")
@job_argument
@click.argument("event")
@click.option("--payload", default="{}", help="Becomes the result of the step, JSON.")
@with_client
def signal(client: Client, /, job_id: UUID, event: str, payload: str) -> None:
    """Tell a run of an event that a step waits for."""
    client.workflows.signal(job_id, event, parse_data(payload))
    click.echo("told")


@workflows.command("resume")
@job_argument
@click.option("--input", "given", help="What of the input is different now, JSON.")
@with_client
def resume(client: Client, /, job_id: UUID, given: str | None) -> None:
    """Have a failed or cancelled run go on from the step that failed."""
    click.echo(client.workflows.resume(job_id, None if given is None else parse_data(given)).status)


def _took(step: Step) -> str:
    """How long it took, or takes until now."""
    if step.began_at is None:
        return ""
    return f"{((step.ended_at or datetime.now(UTC)) - step.began_at).total_seconds():,.1f} s"


def _progress(step: Step) -> str:
    if step.items_total is not None:
        return f"{sum(one.ended_at is not None for one in step.items):,} of {step.items_total:,}"
    percentage = step.progress.percentage if step.progress else None
    return "" if percentage is None else f"{percentage:.0f} %"


def _version(number: int | None) -> str:
    return "code" if number is None else str(number)


def _text(source: Path) -> str:
    return source.read_text(encoding="utf-8", errors="replace")
