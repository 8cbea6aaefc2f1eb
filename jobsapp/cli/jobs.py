"""`flask jobs …`: list, show, create, cancel, retry and watch jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import click

from jobsapp.cli.remote import with_client
from jobsapp.cli.tables import table
from jobsapp.core.states import Status
from jobsapp.errors import InvalidInput

if TYPE_CHECKING:
    from jobsapp.client import Client, Job

EXIT_STATUS = {"completed": 0, "failed": 1, "cancelled": 2}
PAGE = 200


class Moment(click.ParamType[datetime]):
    """A point in time, as in 2026-11-23T18:00:00Z. Without a zone it is the time of this machine."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time; write it as 2026-11-23T18:00:00Z.", param, ctx)


@click.group()
def jobs() -> None:
    """Jobs: list, show, create, cancel, retry, watch."""


@jobs.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--type", "type_name")
@click.option("--queue")
@click.option("--owner", help="`me`, or the e-mail address or id of whose jobs they are.")
@click.option("--text", help="What stands in the name or the description.")
@click.option("--created-after", type=Moment(), help="Created then or later, as in 2026-11-23T18:00:00Z.")
@click.option("--created-before", type=Moment())
@click.option("--batch", type=click.UUID, help="The jobs of this batch.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_client
def list_jobs(
    client: Client, /, type_name: str | None, owner: str | None, limit: int, as_json: bool, **asked: Any
) -> None:
    """Print jobs, newest first."""
    found: list[Job] = []
    for page in client.pages(size=min(limit, PAGE), type=type_name, user=owner, **asked):
        found += page.jobs
        if page.next_cursor is not None and len(page.jobs) < min(limit, PAGE):
            click.echo("No more among the jobs looked at. Older ones may match.", err=True)
            break
        if len(found) >= limit:
            break
    if as_json:
        for job in found[:limit]:
            click.echo(job.as_json())
        return
    table([("ID", "TYPE", "STATUS", "PROGRESS", "CREATED", "NAME"), *map(_row, found[:limit])])


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
@with_client
def show_job(client: Client, /, job_id: UUID) -> None:
    """Print a job as JSON."""
    click.echo(client.get(job_id).as_json(indent=2))


@jobs.command("create")
@click.argument("type_name", metavar="TYPE")
@click.option("--data", default="{}", help="The input, JSON.")
@click.option("--file", "files", multiple=True, metavar="FIELD=PATH", help="Upload a file and name it in a field.")
@click.option(
    "--copy-of", type=click.UUID, metavar="JOB", help="Begin with its input and secrets; --data says what is different."
)
@click.option("--name", help="A name for people.")
@click.option("--priority", type=int, default=0, show_default=True, help="Larger runs first.")
@click.option("--max-attempts", type=int)
@click.option("--run-at", type=Moment(), help="Not before this time, as in 2026-11-23T18:00:00Z.")
@click.option("--expires-at", type=Moment(), help="If it waits until then, it is cancelled.")
@click.option("--timeout", "timeout_seconds", type=float, metavar="SECONDS", help="How long one attempt may take.")
@click.option("--after", "depends_on", type=click.UUID, multiple=True, metavar="ID", help="Wait until it is completed.")
@click.option(
    "--on-parent-failure",
    type=click.Choice(["cancel", "fail", "continue"]),
    default="cancel",
    show_default=True,
    help="What becomes of it if one of those fails or is cancelled.",
)
@click.option("--retry-first", type=float, metavar="SECONDS", help="The pause after the first failure.")
@click.option("--retry-factor", type=float, help="By how much each pause is longer than the one before.")
@click.option("--retry-ceiling", type=float, metavar="SECONDS", help="No pause is longer.")
@click.option("--retry-jitter", type=float, help="The share of a pause that is drawn at random, 0 to 1.")
@with_client
def create_job(
    client: Client,
    /,
    type_name: str,
    data: str,
    files: tuple[str, ...],
    copy_of: UUID | None,
    retry_first: float | None,
    retry_factor: float | None,
    retry_ceiling: float | None,
    retry_jitter: float | None,
    **said: Any,
) -> None:
    """Create a job and print its id."""
    from jobsapp.client import Backoff

    fields = {**(client.get(copy_of).data if copy_of else {}), **parse_data(data), **uploaded(client, files)}
    own = Backoff(first_seconds=retry_first, factor=retry_factor, ceiling_seconds=retry_ceiling, jitter=retry_jitter)
    retry = None if own == Backoff() else own
    click.echo(str(client.create(type_name, fields, **said, secrets_of=copy_of, retry=retry).id))


@jobs.command("cancel")
@click.argument("job_id", type=click.UUID)
@click.option("--reason")
@click.option("--tree", is_flag=True, help="Also everything that depends on it.")
@with_client
def cancel_job(client: Client, /, job_id: UUID, reason: str | None, tree: bool) -> None:
    """Cancel a job; an active one is asked to stop."""
    job = client.cancel(job_id, reason=reason, tree=tree)
    click.echo("stopping" if job.stopping else job.status)


@jobs.command("retry")
@click.argument("job_id", type=click.UUID)
@click.option("--tree", is_flag=True, help="Also what failed or was cancelled because of it.")
@with_client
def retry_job(client: Client, /, job_id: UUID, tree: bool) -> None:
    """Put a failed or cancelled job back to pending."""
    click.echo(client.retry(job_id, tree=tree).status)


@jobs.command("watch")
@click.argument("job_id", type=click.UUID)
@with_client
def watch_job(client: Client, /, job_id: UUID) -> None:
    """Show a job's progress until it is finished. Exit status: 0 completed, 1 failed, 2 cancelled."""
    job = client.watch(job_id)
    click.echo(job.as_json(indent=2))
    raise SystemExit(EXIT_STATUS[job.status])


def _row(job: Job) -> tuple[str, ...]:
    percentage = job.progress.percentage
    progress = "" if percentage is None else f"{percentage:.0f} %"
    created = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return (str(job.id), job.type, job.status, progress, created, job.name)


def parse_data(data: str) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except ValueError as error:
        raise InvalidInput.of("--data", f"is not JSON: {error}") from None
    except RecursionError:
        raise InvalidInput.of("--data", "is nested too deeply.") from None
    if not isinstance(fields, dict):
        raise InvalidInput.of("--data", 'must be a JSON object, as in \'{"targetFormat": "jsonl"}\'.')
    return cast("dict[str, Any]", fields)


def uploaded(client: Client, files: Iterable[str]) -> dict[str, str]:
    """Upload each `FIELD=PATH`. Returns the ids by field."""
    parts = (item.partition("=") for item in files)
    return {field: str(_upload(client, path)) for field, _, path in parts}


def _upload(client: Client, path: str) -> UUID:
    try:
        return client.upload(path).id
    except OSError as error:
        raise InvalidInput.of("--file", f"cannot read {path}: {error.strerror}.") from None
