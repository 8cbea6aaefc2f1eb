"""A job's progress as a bar in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from jobsapp.client.answers import Job
from jobsapp.client.batch_answers import Batch

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def show(changes: Iterable[Job], console: Console | None = None) -> Job:
    """Draw the states of a job as they come, on stderr unless said otherwise, and give back the last one."""
    with _progress(console) as bar:
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


def show_batch(states: Iterable[Batch], console: Console | None = None) -> Batch:
    """As `show`, for a batch."""
    with _progress(console) as bar:
        task = bar.add_task("", total=100, message="")
        for batch in states:
            last = batch
            bar.update(task, description=batch.name, completed=batch.percentage, message=message_of_batch(batch))
    return last


def message_of_batch(batch: Batch) -> str:
    """What is to be said beside the bar: `120 of 2,000 jobs, 3 failed, 0:01:10 left`."""
    counts = batch.counts
    words = [f"{counts.completed + counts.failed + counts.cancelled:,} of {batch.total_jobs:,} jobs"]
    words += [f"{counts.failed:,} failed"] if counts.failed else []
    words += [f"{timedelta(seconds=batch.eta_seconds)} left"] if batch.eta_seconds is not None else []
    return ", ".join(words)


def _progress(console: Console | None) -> Progress:
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
    return Progress(*columns, console=console or Console(stderr=True))


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
