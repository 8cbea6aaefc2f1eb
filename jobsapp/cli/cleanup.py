"""`flask cleanup`."""

from __future__ import annotations

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app
from jobsapp.core.archives import FORMATS, JSONL


@click.command()
@click.option(
    "--days",
    type=click.IntRange(0, 36500),
    required=True,
    help="Keep what finished or was uploaded within so many days.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option(
    "--archive",
    type=click.Choice(FORMATS),
    is_flag=False,
    flag_value=JSONL,
    help="Write the jobs to files first, in the data folder below archive. Alone: jsonl.",
)
@in_app
def cleanup(days: int, dry_run: bool, archive: str | None) -> None:
    """Delete finished jobs of all organisations with their files, and uploads that no job reads."""
    if dry_run:
        click.echo(f"Would delete {services().cleanup.count(days=days)} jobs.")
        if unread := services().cleanup.count_uploads(days=days):
            click.echo(f"Would delete {unread} uploads that no job reads.")
        return
    cleanup = services().cleanup
    deleted = cleanup.for_everyone(days=days, archive=archive)
    click.echo(f"{'Archived and deleted' if archive else 'Deleted'} {deleted} jobs.")
    if unread := services().cleanup.delete_uploads(days=days):
        click.echo(f"Deleted {unread} uploads that no job read.")
    services().logins.delete_expired()
    services().job_tokens.delete_expired()
    if kept_days := services().settings.audit_days:
        services().audit.forget(days=kept_days)
    if swept := services().cleanup.sweep():
        click.echo(f"Removed {swept} files that belonged to nothing.")
