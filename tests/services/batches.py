"""Hands for tests of batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batch_views import BatchView
from jobsapp.services.jobs import JobFilter, NewJob

Drain = Callable[[str], int]
ALL = {when: Callback("measure", {}, name=when) for when in ("complete", "success", "failure")}


def jobs(number: int, type_name: str = "echo", **fields: Any) -> list[NewJob]:
    return [NewJob(type_name, {}, **fields) for _ in range(number)]


def drain_all(drain: Drain, queue: str) -> int:
    return sum(iter(lambda: drain(queue), 0))


def seen(services: Services, actor: Actor, batch_id: UUID) -> BatchView:
    return services.batch_views.get(actor, batch_id)


def counts(view: BatchView) -> tuple[int, ...]:
    return tuple(view.counts.model_dump().values())


def made(services: Services, actor: Actor) -> list[str]:
    """The names of the callbacks that are jobs by now."""
    found, _ = services.jobs.page(actor, JobFilter(type="measure"))
    return sorted(job.name for job in found)
