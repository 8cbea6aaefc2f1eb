"""A job's progress as a bar in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from jobsapp.client.answers import Job

if TYPE_CHECKING:
    from rich.console import Console


def show(changes: Iterable[Job], console: Console | None = None) -> Job:
    """Draw the states of a job as they come, on stderr unless said otherwise, and give back the last one."""
    # A third of the time that the package takes to import, for what most programs never show.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[message]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=console or Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, message="")
        for job in changes:
            last = job
            percentage = job.progress.percentage
            bar.update(
                task,
                description=job.name,
                total=None if percentage is None and not job.finished else 100,
                completed=100 if job.status == "completed" else percentage or 0,
                message=message_of(job),
            )
    return last


def message_of(job: Job) -> str:
    """What is to be said beside the bar."""
    if job.waiting_for is not None:
        return job.waiting_for.text
    if job.status == "failed" and job.error is not None:
        return job.error.message
    words = [job.status if job.finished else job.progress.message]
    if job.eta_seconds is not None:
        words.append(f"{timedelta(seconds=job.eta_seconds)} left")
    return ", ".join(word for word in words if word)
