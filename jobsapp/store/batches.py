"""Statements about batches of jobs. They never commit: the caller owns the transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Json

from jobsapp.core.batches import Tally
from jobsapp.core.states import TERMINAL, Status
from jobsapp.store.outbox import EndedJob
from jobsapp.store.statements import fetch_all, fetch_one, statement

FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class Counted:
    """A batch after something was added up, or after it was closed. The transaction holds its row."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    total_jobs: int
    completed_jobs: int
    failed_jobs: int
    cancelled_jobs: int
    closed: bool
    ended: bool
    callbacks: dict[str, Any]
    callback_jobs: dict[str, Any]

    @property
    def tally(self) -> Tally:
        return Tally(self.total_jobs, self.completed_jobs, self.failed_jobs, self.cancelled_jobs)


@dataclass(frozen=True)
class BatchState:
    """A batch and its numbers, all of one moment, `now`. Weights are sums of what its jobs are expected to cost."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    name: str
    description: str
    total_jobs: int
    total_weight: float
    completed: int
    failed: int
    cancelled: int
    active: int
    completed_weight: float
    failed_weight: float
    cancelled_weight: float
    active_weight: float
    """What of the active ones is done."""
    counted_at: datetime | None
    paced_at: datetime | None
    paced_weight: float
    created_at: datetime
    closed_at: datetime | None
    ended_at: datetime | None
    callbacks: dict[str, Any]
    callback_jobs: dict[str, Any]
    change: str | None
    change_reason: str | None
    results_id: UUID | None
    results_at: datetime | None
    now: datetime

    @property
    def tally(self) -> Tally:
        return Tally(self.total_jobs, self.completed, self.failed, self.cancelled, self.active)

    @property
    def ended_weight(self) -> float:
        return self.completed_weight + self.failed_weight + self.cancelled_weight


@dataclass(frozen=True)
class Change:
    """What is being done to all jobs of a batch. `after`: up to which job it was; `left`: some were passed over."""

    id: UUID
    organization_id: UUID
    user_id: UUID | None
    change: str
    change_at: datetime
    change_after: UUID | None
    change_left: bool
    change_by: UUID | None
    change_reason: str | None
    change_cancelled: bool


@dataclass(frozen=True)
class PartJob:
    id: UUID
    status: str
    stopping: bool
    ended_at: datetime | None


@dataclass(frozen=True)
class ResultRow:
    id: UUID
    name: str
    type: str
    status: str
    result: Any
    error_type: str | None
    error_message: str | None


@dataclass(frozen=True)
class FailureGroup:
    """Jobs that failed alike. `job_id`: the last of them."""

    type: str
    message: str
    jobs: int
    job_id: UUID


@dataclass(frozen=True)
class _Id:
    id: UUID


@dataclass(frozen=True)
class Forgotten:
    id: UUID
    organization_id: UUID
    results_id: UUID | None


@dataclass
class _Sum:
    jobs: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    weight: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    reopened: bool = False


def absorb(connection: Connection[Any], ended: Sequence[EndedJob]) -> list[Counted]:
    """Add up what ended of batches, and take back what is retried."""
    sums: defaultdict[UUID, _Sum] = defaultdict(_Sum)
    for row in ended:
        for state, sign in ((row.status, 1), (row.was, -1)):
            if row.batch_id is not None and state in TERMINAL:
                one = sums[row.batch_id]
                one.jobs[state] += sign * row.jobs
                one.weight[state] += sign * (1.0 if row.weight is None else row.weight)
                one.reopened |= sign < 0
    if not sums:
        return []
    those = list(sums.values())
    values: dict[str, Any] = {"ids": list(sums), "reopened": [one.reopened for one in those]}
    for state in FINAL:
        values[state.value] = [one.jobs[state] for one in those]
        values[f"{state.value}_weight"] = [one.weight[state] for one in those]
    return fetch_all(connection, "absorb_batches", Counted, **values)


def close(connection: Connection[Any], batch_id: UUID, *, organization_id: UUID) -> Counted | None:
    """Let no more jobs be added. None: there is no such batch."""
    return fetch_one(connection, "close_batch", Counted, id=batch_id, organization_id=organization_id)


def add(
    connection: Connection[Any], batch_id: UUID, *, organization_id: UUID, jobs: int, weight: float, most: int
) -> bool:
    """Count jobs that were created in this transaction. False: it is closed, or would have more than `most`."""
    values = {"organization_id": organization_id, "jobs": jobs, "weight": weight, "most": most}
    return fetch_one(connection, "add_to_batch", _Id, id=batch_id, **values) is not None


def save_callbacks(connection: Connection[Any], batch_id: UUID, callback_jobs: dict[str, Any]) -> None:
    """Keep what became of a batch's callbacks."""
    connection.execute(statement("save_batch_callbacks"), {"id": batch_id, "callback_jobs": Json(callback_jobs)})


def states(connection: Connection[Any], batch_ids: Sequence[UUID], *, organization_id: UUID) -> list[BatchState]:
    """These batches, newest first, as they are at this moment."""
    return fetch_all(connection, "batch_states", BatchState, ids=list(batch_ids), organization_id=organization_id)


def take_change(connection: Connection[Any], batch_id: UUID | None = None) -> Change | None:
    """Lock a batch whose jobs are being changed: that one, or one of them by chance."""
    return fetch_one(connection, "take_batch_change", Change, id=batch_id)


def part(connection: Connection[Any], batch_id: UUID, *, after: UUID | None, limit: int) -> list[PartJob]:
    """The batch's next jobs in the order of creation."""
    return fetch_all(connection, "batch_part", PartJob, id=batch_id, after=after, limit=limit)


def save_change(
    connection: Connection[Any], batch_id: UUID, *, change: str | None, after: UUID | None, left: bool
) -> None:
    """Keep how far it is. `change` None: it is done."""
    connection.execute(statement("save_batch_change"), {"id": batch_id, "change": change, "after": after, "left": left})


def results(
    connection: Connection[Any], batch_id: UUID, *, organization_id: UUID, after: UUID | None, limit: int
) -> list[ResultRow]:
    """What came of the batch's next jobs."""
    values = {"organization_id": organization_id, "after": after, "limit": limit}
    return fetch_all(connection, "batch_results", ResultRow, id=batch_id, **values)


def failures(
    connection: Connection[Any], batch_id: UUID, *, organization_id: UUID, most: int, limit: int
) -> list[FailureGroup]:
    """Why the `most` newest of those that failed did, the `limit` most frequent kinds."""
    values = {"organization_id": organization_id, "most": most, "limit": limit}
    return fetch_all(connection, "batch_failures", FailureGroup, id=batch_id, **values)


def forget(connection: Connection[Any], *, limit: int) -> list[Forgotten]:
    """Delete batches whose jobs are gone."""
    return fetch_all(connection, "forget_batches", Forgotten, limit=limit)
