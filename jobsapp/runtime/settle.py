"""Looking after jobs whose process is gone or out of reach: each runs again, or fails and its history says why."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.bus.slate import Running
from jobsapp.core.events import JobChanged, event_for
from jobsapp.core.outcomes import Attempt, Died, Failed, Failure, HandedBack, Outcome, decide, timeout_failure
from jobsapp.core.states import TERMINAL, Status
from jobsapp.processors.registry import Registry
from jobsapp.runtime.batch import FRESH_SECONDS
from jobsapp.runtime.executor import timeout_of
from jobsapp.runtime.house import House
from jobsapp.store.jobs import LOST_AT_ONCE, ChangedJob, LostJob, lost_jobs
from jobsapp.store.turns import Ended, take_turn


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
    connection: Connection[Any],
    house: House,
    hints: Hints,
    *,
    worker: str | None = None,
    running: Running | None = None,
) -> list[UUID]:
    """Settle the jobs whose lease ended, and those of `worker`, whose work-horse died. Returns their ids.

    `running`: what the horse ran when it died, as its worker knows; what was claimed with that is not to blame.
    What their attempts left half written goes too.
    """
    ids: list[UUID] = []
    while True:
        with connection.transaction():
            lost = lost_jobs(connection, worker=worker)
            settled = settle(connection, house, [(one, _fate(one, house, worker, running)) for one in lost])
        # The dead horse may have left more in its queue.
        clear_up(house, hints, settled, wake_all=worker is not None)
        ids += [one.id for one, _ in settled]
        # All of them now: another work-horse of that worker would renew the lease of those that are left.
        if len(lost) < LOST_AT_ONCE or not settled:
            return ids


def settle(
    connection: Connection[Any], house: House, fates: Iterable[tuple[LostJob, Outcome]]
) -> list[tuple[LostJob, ChangedJob]]:
    """Write what came of attempts whose worker does not. Call it in the transaction that locked the jobs.

    Returns those that were written, with their jobs as they are now, for `clear_up`.
    """
    return [(lost, changed) for lost, outcome in fates if (changed := _settle(connection, house, lost, outcome))]


def clear_up(
    house: House, hints: Hints, settled: Sequence[tuple[LostJob, ChangedJob]], *, wake_all: bool = False
) -> None:
    """After the COMMIT: remove what these attempts left half written, tell of their jobs, wake who can run them.

    `wake_all`: the queues of those that have ended too.
    """
    for lost, changed in settled:
        # By attempt: the next one may have begun by now.
        house.storage.remove_workdirs(f"{lost.id}.{lost.attempt}")
        if changed.status in TERMINAL:
            house.storage.remove_keepdir(lost.id)
    changes = [changed for _, changed in settled]
    if changes:
        hints.publish([announcement(changed) for changed in changes])
    for queue in {changed.queue for changed in changes if wake_all or changed.status == Status.PENDING}:
        hints.wake(queue)


def announcement(changed: ChangedJob) -> JobChanged:
    """What is said of a job that a statement moved."""
    return JobChanged(changed.id, changed.organization_id, event_for(changed.status), changed.revision)


def _fate(lost: LostJob, house: House, dead_worker: str | None, running: Running | None) -> Outcome:
    """What came of the attempt of a job whose process is gone."""
    if lost.worker != dead_worker:
        return _fate_without_worker(lost, house)
    if running is not None and (running.job_id, running.attempt) != (lost.id, lost.attempt):
        return HandedBack()
    if running is not None and running.deadline <= time.monotonic():
        return Failed(timeout_failure(running.timeout))
    return Died(Failure("WorkerDied", "The process that ran this job died: killed, or out of memory."))


def _fate_without_worker(lost: LostJob, house: House) -> Outcome:
    """Nobody saw the end. Who was alive after the time was over has taken too long, whatever came then."""
    timeout = timeout_of(lost, house.registry.find(lost.type))
    alive_seconds = lost.held_seconds - house.settings.lease_seconds
    # It may have begun a little after it was claimed.
    if lost.alone and timeout is not None and alive_seconds > timeout + FRESH_SECONDS:
        return Failed(timeout_failure(timeout))
    return Died(Failure("WorkerDied", f"The worker {lost.worker} gave no sign of life any more."))


def _settle(connection: Connection[Any], house: House, lost: LostJob, outcome: Outcome) -> ChangedJob | None:
    facts = attempt_facts(
        house.registry,
        lost.type,
        number=lost.attempt,
        max_attempts=lost.max_attempts,
        allowance=lost.allowance,
        cancel_requested=lost.cancel_requested,
        retry=lost.retry,
    )
    transition = decide(facts, outcome, now=datetime.now(UTC), draw=random.random())  # noqa: S311 - jitter
    began = not isinstance(outcome, HandedBack)
    finished = take_turn(connection, [Ended(lost.id, lost.attempt, transition, began=began)]).finished
    return finished[0] if finished else None
