"""`flask batches …`: many jobs under one name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

import click

from jobsapp.cli.remote import with_client
from jobsapp.cli.tables import table
from jobsapp.errors import InvalidInput

if TYPE_CHECKING:
    from jobsapp.client import Batch, Client, NewJob

EXIT_STATUS = {"completed": 0, "failed": 1, "cancelled": 2}


@click.group()
def batches() -> None:
    """Batches of jobs: list, show, create, cancel, retry, results, watch."""


@batches.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_client
def list_batches(client: Client, /, limit: int, as_json: bool) -> None:
    """Print batches, newest first."""
    found = list(islice(client.batches.list(), limit))
    if as_json:
        for batch in found:
            click.echo(batch.as_json())
        return
    table([("ID", "STATUS", "DONE", "JOBS", "FAILED", "CREATED", "NAME"), *map(_row, found)])


@batches.command("show")
@click.argument("batch_id", type=click.UUID)
@with_client
def show_batch(client: Client, /, batch_id: UUID) -> None:
    """Print a batch as JSON."""
    click.echo(client.batches.get(batch_id).as_json(indent=2))


@batches.command("create")
@click.argument("file", type=click.File(encoding="utf-8"), metavar="FILE.jsonl")
@click.option("--name", help="A name for people.")
@click.option("--on-complete", metavar="JSON", help="A job to run when all have ended, as in a line of the file.")
@click.option("--on-success", metavar="JSON", help="One to run when all have completed.")
@click.option("--on-failure", metavar="JSON", help="One to run when the first has failed.")
@click.option("--open", "open_", is_flag=True, help="Leave it open for more jobs.")
@with_client
def create_batch(client: Client, /, file: TextIO, name: str | None, open_: bool, **after: str | None) -> None:
    """Create a batch and print its id. Each line of the file is a job, as `{"type": "echo", "data": {}, "weight": 2}`;
    `-` reads them from stdin.
    """
    followers: dict[str, Any] = {
        when: _job(text, f"--{when.replace('_', '-')}") for when, text in after.items() if text is not None
    }
    jobs = list(_jobs(file))
    click.echo(str(client.batches.create(jobs, name=name, closed=not open_, **followers).id))


@batches.command("add")
@click.argument("batch_id", type=click.UUID)
@click.argument("file", type=click.File(encoding="utf-8"), metavar="FILE.jsonl")
@with_client
def add_jobs(client: Client, /, batch_id: UUID, file: TextIO) -> None:
    """Add jobs to a batch that is open, one in each line of the file as with `create`; print how many."""
    click.echo(len(client.batches.add(batch_id, list(_jobs(file)))))


@batches.command("close")
@click.argument("batch_id", type=click.UUID)
@with_client
def close_batch(client: Client, /, batch_id: UUID) -> None:
    """Say that no more jobs come: it ends when those that are there have ended."""
    _tell(client.batches.close(batch_id))


@batches.command("failures")
@click.argument("batch_id", type=click.UUID)
@with_client
def list_failures(client: Client, /, batch_id: UUID) -> None:
    """Print what went wrong, the most frequent first, each with one of the jobs."""
    found = client.batches.failures(batch_id)
    table([("JOBS", "ERROR", "ONE OF THEM"), *((f"{one.jobs:,}", one.message, str(one.job_id)) for one in found)])


@batches.command("cancel")
@click.argument("batch_id", type=click.UUID)
@click.option("--reason")
@with_client
def cancel_batch(client: Client, /, batch_id: UUID, reason: str | None) -> None:
    """Cancel all its jobs; active ones are asked to stop."""
    _tell(client.batches.cancel(batch_id, reason=reason))


@batches.command("retry")
@click.argument("batch_id", type=click.UUID)
@click.option("--cancelled", is_flag=True, help="What was cancelled too.")
@with_client
def retry_batch(client: Client, /, batch_id: UUID, cancelled: bool) -> None:
    """Put its failed jobs back to pending."""
    _tell(client.batches.retry(batch_id, cancelled=cancelled))


@batches.command("results")
@click.argument("batch_id", type=click.UUID)
@click.option("--output", metavar="FILE", required=True, help="Where to write what came of its jobs, as JSON Lines.")
@with_client
def collect_results(client: Client, /, batch_id: UUID, output: str) -> None:
    """Collect what came of its jobs, download it, and print its SHA-256."""
    click.echo(client.batches.results(batch_id, output).sha256)


@batches.command("watch")
@click.argument("batch_id", type=click.UUID)
@with_client
def watch_batch(client: Client, /, batch_id: UUID) -> None:
    """Show its progress until all have ended. Exit status: 0 completed, 1 failed, 2 cancelled."""
    batch = client.batches.watch(batch_id)
    _tell(batch)
    raise SystemExit(EXIT_STATUS[batch.status])


def _tell(batch: Batch) -> None:
    counts = ", ".join(f"{number:,} {state}" for state, number in _counts(batch) if number)
    click.echo(f"{batch.changing or batch.status}: {counts or 'no jobs'}")


def _counts(batch: Batch) -> Iterable[tuple[str, int]]:
    return ((state, getattr(batch.counts, state)) for state in batch.counts.__struct_fields__)


def _row(batch: Batch) -> tuple[str, ...]:
    created = batch.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    numbers = (f"{batch.percentage:.0f} %", f"{batch.total_jobs:,}", f"{batch.counts.failed:,}")
    return (str(batch.id), batch.status, *numbers, created, batch.name)


def _jobs(lines: TextIO) -> Iterator[NewJob]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _job(line, f"line {number}")


def _job(text: str, field: str) -> NewJob:
    """Raises InvalidInput naming the line or the option."""
    import msgspec

    from jobsapp.client import NewJob

    try:
        return msgspec.convert(json.loads(text), NewJob)
    except (ValueError, RecursionError) as error:
        raise InvalidInput.of(field, f'is no job, as in {{"type": "echo", "data": {{}}}}: {error}') from None
