"""`flask jobs …`: list, show, create, cancel, retry and watch jobs."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, user_option
from jobsapp.core.actors import Actor
from jobsapp.core.states import Status
from jobsapp.errors import InvalidInput
from jobsapp.extensions import db
from jobsapp.services.jobs import JobFilter, NewJob, RetryChanges
from jobsapp.services.listing import looked_at
from jobsapp.services.views import JobView

WATCH_SECONDS = 0.25
EXIT_STATUS = {"completed": 0, "failed": 1, "cancelled": 2}


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
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_jobs(
    type_name: str | None, owner: str | None, limit: int, as_json: bool, email: str | None, **asked: Any
) -> None:
    """Print jobs, newest first."""
    actor = actor_of(email)
    user_id = None if owner is None else services().filters.user_id(actor, owner)
    wanted = JobFilter(type=type_name, user_id=user_id, **asked)
    found, older = services().jobs.page(actor, wanted, limit=limit)
    if older is not None and len(found) < limit:
        click.echo(f"No more among the {looked_at(wanted):,} jobs looked at. Older ones may match.", err=True)
    views = services().views.jobs(found)
    if as_json:
        for view in views:
            click.echo(view.model_dump_json(by_alias=True))
        return
    rows = [("ID", "TYPE", "STATUS", "PROGRESS", "CREATED", "NAME")]
    for view in views:
        created = view.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        rows.append((str(view.id), view.type, view.status, _percent(view), created, view.name))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
@user_option
@in_app
def show_job(job_id: UUID, email: str | None) -> None:
    """Print a job as JSON."""
    view = services().views.job(services().jobs.get(actor_of(email), job_id))
    click.echo(view.model_dump_json(by_alias=True, indent=2))


@jobs.command("create")
@click.argument("type_name", metavar="TYPE")
@click.option("--data", default="{}", help="The input, JSON.")
@click.option("--file", "files", multiple=True, metavar="FIELD=PATH", help="Upload a file and name it in a field.")
@click.option("--name", help="A name for people.")
@click.option("--priority", type=int, default=0, show_default=True, help="Larger runs first.")
@click.option("--max-attempts", type=int)
@click.option("--run-at", type=Moment(), help="Not before this time, as in 2026-11-23T18:00:00Z.")
@click.option("--expires-at", type=Moment(), help="If it waits until then, it is cancelled.")
@click.option("--timeout", "timeout_seconds", type=float, metavar="SECONDS", help="How long one attempt may take.")
@click.option("--retry-first", type=float, metavar="SECONDS", help="The pause after the first failure.")
@click.option("--retry-factor", type=float, help="By how much each pause is longer than the one before.")
@click.option("--retry-ceiling", type=float, metavar="SECONDS", help="No pause is longer.")
@click.option("--retry-jitter", type=float, help="The share of a pause that is drawn at random, 0 to 1.")
@user_option
@in_app
def create_job(
    type_name: str,
    data: str,
    files: tuple[str, ...],
    retry_first: float | None,
    retry_factor: float | None,
    retry_ceiling: float | None,
    retry_jitter: float | None,
    email: str | None,
    **said: Any,
) -> None:
    """Create a job and print its id."""
    actor = actor_of(email)
    fields = _parse(data)
    for item in files:
        field, _, path = item.partition("=")
        fields[field] = str(_upload(actor, Path(path)))
    retry = RetryChanges(retry_first, retry_factor, retry_ceiling, retry_jitter)
    new = NewJob(type_name, fields, **said, retry=retry)
    job, _ = services().jobs.create(actor, new)
    click.echo(str(job.id))


@jobs.command("cancel")
@click.argument("job_id", type=click.UUID)
@click.option("--reason")
@user_option
@in_app
def cancel_job(job_id: UUID, reason: str | None, email: str | None) -> None:
    """Cancel a job; an active one is asked to stop."""
    job = services().jobs.cancel(actor_of(email), job_id, reason=reason)
    click.echo("stopping" if job.status == Status.ACTIVE else job.status)


@jobs.command("retry")
@click.argument("job_id", type=click.UUID)
@user_option
@in_app
def retry_job(job_id: UUID, email: str | None) -> None:
    """Put a failed or cancelled job back to pending."""
    click.echo(services().jobs.retry(actor_of(email), job_id).status)


@jobs.command("watch")
@click.argument("job_id", type=click.UUID)
@user_option
@in_app
def watch_job(job_id: UUID, email: str | None) -> None:
    """Show a job's progress until it is finished. Exit status: 0 completed, 1 failed, 2 cancelled."""
    actor = actor_of(email)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[message]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        view = _view(actor, job_id)
        task = bar.add_task(view.name, total=100, message="")
        while True:
            percentage = view.progress.percentage
            bar.update(
                task,
                description=view.name,
                total=None if percentage is None and not view.finished else 100,
                completed=100 if view.status == "completed" else percentage or 0,
                message=_message(view),
            )
            if view.finished:
                break
            time.sleep(WATCH_SECONDS)
            view = _view(actor, job_id)
    click.echo(view.model_dump_json(by_alias=True, indent=2))
    raise SystemExit(EXIT_STATUS[view.status])


def _view(actor: Actor, job_id: UUID) -> JobView:
    view = services().views.job(services().jobs.get(actor, job_id))
    db.session.remove()
    return view


def _message(view: JobView) -> str:
    if view.waiting_for is not None:
        return view.waiting_for.text
    if view.status == "failed" and view.error is not None:
        return view.error.message
    words = [view.status if view.finished else view.progress.message]
    if view.eta_seconds is not None:
        words.append(f"{timedelta(seconds=view.eta_seconds)} left")
    return ", ".join(word for word in words if word)


def _percent(view: JobView) -> str:
    percentage = view.progress.percentage
    return "" if percentage is None else f"{percentage:.0f} %"


def _parse(data: str) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except ValueError as error:
        raise InvalidInput.of("--data", f"is not JSON: {error}") from None
    except RecursionError:
        raise InvalidInput.of("--data", "is nested too deeply.") from None
    if not isinstance(fields, dict):
        raise InvalidInput.of("--data", 'must be a JSON object, as in \'{"targetFormat": "jsonl"}\'.')
    return cast("dict[str, Any]", fields)


def _upload(actor: Actor, path: Path) -> UUID:
    try:
        with path.open("rb") as source:
            receiver = services().files.receiver()
            try:
                shutil.copyfileobj(source, receiver, 1024 * 1024)
                return services().files.register(actor, receiver, path.name).id
            finally:
                receiver.close()
    except OSError as error:
        raise InvalidInput.of("--file", f"cannot read {path}: {error.strerror}.") from None
