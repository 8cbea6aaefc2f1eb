"""`flask workers …`: list, stop and start workers."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.core.amounts import size
from jobsapp.services.workers import WorkerView


@click.group()
def workers() -> None:
    """Workers: list, stop, start."""


@workers.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_workers(as_json: bool, email: str | None) -> None:
    """Print the workers, with what they do now."""
    found = services().workers.all(actor_of(email))
    if not found.known:
        click.echo("Redis does not answer: only workers that have jobs are known.", err=True)
    if as_json:
        for view in found.workers:
            click.echo(view.model_dump_json(by_alias=True))
        return
    if not found.workers:
        click.echo("No worker runs. Start one: flask worker", err=True)
        return
    rows = [("WORKER", "HOST", "STATE", "SINCE", "MEMORY", "DOES")]
    rows += [(one.name, one.host or "?", one.state, _since(one), _memory(one), _does(one)) for one in found.workers]
    table(rows)


@workers.command("stop")
@click.argument("name")
@user_option
@in_app
def stop_worker(name: str, email: str | None) -> None:
    """Let a worker finish or hand back its job, and end. None takes its place until `flask workers start NAME`."""
    click.echo(services().workers.stop(actor_of(email), name).state)


@workers.command("start")
@click.argument("name")
@user_option
@in_app
def start_worker(name: str, email: str | None) -> None:
    """Let another worker take the place of the stopped one NAME. It comes within seconds, with a new name."""
    click.echo(services().workers.start(actor_of(email), name).state)


def _since(view: WorkerView) -> str:
    return view.since.astimezone().strftime("%Y-%m-%d %H:%M") if view.since else "?"


def _memory(view: WorkerView) -> str:
    known = [one for one in (view.memory_bytes, view.work_horse_memory_bytes) if one is not None]
    return size(sum(known)) if known else "?"


def _does(view: WorkerView) -> str:
    said = [f"{one.type} {one.id}" for one in view.jobs]
    if view.jobs_more:
        said.append(f"{view.jobs_more} more")
    if view.jobs_of_others:
        said.append(f"{view.jobs_of_others} of others")
    return ", ".join(said)
