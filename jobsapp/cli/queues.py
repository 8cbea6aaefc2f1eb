"""`flask queues …`: list, pause and resume queues."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import actor_of, in_app, table, user_option
from jobsapp.services.queues import QueueView


@click.group()
def queues() -> None:
    """Queues: list, pause, resume."""


@queues.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_option
@in_app
def list_queues(as_json: bool, email: str | None) -> None:
    """Print the queues, with how many jobs are due and how many workers listen."""
    views = services().queues.all(actor_of(email))
    if as_json:
        for view in views:
            click.echo(view.model_dump_json(by_alias=True))
        return
    rows = [("QUEUE", "DUE", "WORKERS", "STATE")]
    for view in views:
        due = f"{view.depth}+" if view.depth_is_more else str(view.depth)
        rows.append((view.name, due, "?" if view.workers is None else str(view.workers), _state(view)))
    table(rows)


@queues.command("pause")
@click.argument("name")
@click.option("--reason", help="Shown in the organisation that runs the installation.")
@user_option
@in_app
def pause_queue(name: str, reason: str | None, email: str | None) -> None:
    """Let no job of the queue start; what runs goes on."""
    click.echo(_state(services().queues.pause(actor_of(email), name, reason=reason)))


@queues.command("resume")
@click.argument("name")
@user_option
@in_app
def resume_queue(name: str, email: str | None) -> None:
    """Let jobs of the queue start again."""
    click.echo(_state(services().queues.resume(actor_of(email), name)))


def _state(view: QueueView) -> str:
    if view.paused is None:
        return "open"
    since = view.paused.at.astimezone().strftime("%Y-%m-%d %H:%M")
    who = f" by {view.paused.by}" if view.paused.by else ""
    return f"paused since {since}{who}" + (f": {view.paused.reason}" if view.paused.reason else "")
