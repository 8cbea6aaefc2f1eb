"""Looking after jobs whose process is gone: each runs again, or fails with the reason in its history."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.core.events import JobChanged, event_for
from jobsapp.core.outcomes import Attempt, Died, Failure, decide
from jobsapp.core.states import Status
from jobsapp.processors.registry import Registry
from jobsapp.runtime.house import House
from jobsapp.store.jobs import ChangedJob, LostJob, lost_jobs
from jobsapp.store.turns import finish_job


def attempt_facts(
    registry: Registry,
    type_name: str,
    *,
    number: int,
    max_attempts: int,
    allowance: int,
    cancel_requested: bool,
    retry: Mapping[str, float] | None,
) -> Attempt:
    """The facts that decide what follows an attempt, with the type's retry policy and what the job changes of it."""
    job_type = registry.find(type_name)
    delays = {}
    if job_type is not None:
        policy = job_type.processor.retry.changed(retry)
        delays = {"first": policy.first, "factor": policy.factor, "ceiling": policy.ceiling, "jitter": policy.jitter}
    return Attempt(
        number=number,
        max_attempts=max_attempts,
        failures=max(1, number - (max_attempts - allowance)),
        cancel_requested=cancel_requested,
        **delays,
    )


def settle_lost_jobs(
    connection: Connection[Any], house: House, hints: Hints, *, worker: str | None = None
) -> list[UUID]:
    """Settle the jobs whose lease ended, and those of `worker`, whose work-horse died. Returns their ids.

    What their attempts left half written goes too.
    """
    with connection.transaction():
        settled = [
            (lost, changed)
            for lost in lost_jobs(connection, worker=worker)
            if (changed := _settle(connection, house.registry, lost, worker)) is not None
        ]
    for lost, _ in settled:
        # By attempt: the next one may have begun by now.
        house.storage.remove_workdirs(f"{lost.id}.{lost.attempt}")
    changes = [changed for _, changed in settled]
    hints.publish([announcement(changed) for changed in changes])
    for queue in {changed.queue for changed in changes if changed.status == Status.PENDING}:
        hints.wake(queue)
    return [changed.id for changed in changes]


def announcement(changed: ChangedJob) -> JobChanged:
    """What is said of a job that a statement moved."""
    return JobChanged(changed.id, changed.organization_id, event_for(Status(changed.status)), changed.revision)


def _settle(
    connection: Connection[Any], registry: Registry, lost: LostJob, dead_worker: str | None
) -> ChangedJob | None:
    facts = attempt_facts(
        registry,
        lost.type,
        number=lost.attempt,
        max_attempts=lost.max_attempts,
        allowance=lost.allowance,
        cancel_requested=lost.cancel_requested,
        retry=lost.retry,
    )
    reason = (
        "The process that ran this job died: killed, or out of memory."
        if lost.worker == dead_worker
        else f"The worker {lost.worker} gave no sign of life any more."
    )
    outcome = Died(Failure("WorkerDied", reason))
    transition = decide(facts, outcome, now=datetime.now(UTC), draw=random.random())  # noqa: S311 - jitter
    return finish_job(connection, lost.id, lost.attempt, transition)
