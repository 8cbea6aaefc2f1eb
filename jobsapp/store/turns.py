"""One statement for what a work-horse tells and asks: these attempts ended so, give me the next jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg import Connection

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.store.jobs import ChangedJob, ClaimedJob, Pulse
from jobsapp.store.statements import statement

FIRST = UUID(int=0)
LIMITED = "limited"
STATUS, PRIORITY = 13, 14
ENDS = frozenset({Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED})
NOTHING = Pulse(None, None, None, changed=False)


@dataclass(frozen=True)
class Ended:
    """What came of an attempt, and what its job said last. `began` False: it was claimed and never started.

    `cpu_seconds`: processor time of the work-horse and its children; `peak_bytes`: the most memory it had.
    `began_at`, `ended_at`: by `time.monotonic()`; None: as the row says, and now.
    """

    job_id: UUID
    attempt: int
    transition: Transition
    said: Pulse = NOTHING
    began: bool = True
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    began_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class Turn:
    """`finished`: those of the ended attempts that were still this worker's, as their jobs are now."""

    finished: list[ChangedJob]
    claimed: list[ClaimedJob]
    limited: bool = False
    """Nothing was claimed because limits count in this queue: see `claim_within_limits`."""
    last: UUID = FIRST
    """The organisation that had the last turn, to be given as `after` for the next one."""


@dataclass(frozen=True)
class Rooms:
    """How many more jobs may start: `as_json` {types: {type: n}, organizations: {id: n}, each: n or null}."""

    full_types: list[str]
    full_organizations: list[UUID]
    as_json: str


def take_turn(
    connection: Connection[Any],
    ended: Sequence[Ended],
    *,
    queue: str = "",
    worker: str = "",
    lease_seconds: float = 0.0,
    limit: int = 0,
    after: UUID = FIRST,
    rooms: Rooms | None = None,
) -> Turn:
    """Write what became of `ended`, and claim up to `limit` due jobs of `queue`.

    Largest priority first; then each organisation in turn, beginning with the one after `after`; then the oldest. With
    a `worker` its lease is renewed and covers what was claimed, and no more what ended. An ended attempt that is
    missing in the answer was given to another worker: nothing was written for it.
    """
    values = _columns(ended) | {
        "queue": queue,
        "worker": worker,
        "lease": lease_seconds,
        "after": after,
        "within_limits": rooms is not None,
        "full_types": rooms.full_types if rooms else [],
        "full_organizations": rooms.full_organizations if rooms else [],
        "rooms": rooms.as_json if rooms else None,
    }
    rows = connection.execute(_limited(limit), values).fetchall()
    claimed = [row for row in rows if row[STATUS] == Status.ACTIVE]
    return Turn(
        [ChangedJob(row[0], row[1], row[4], row[STATUS], row[10]) for row in rows if row[STATUS] in ENDS],
        [ClaimedJob._make(row[:STATUS]) for row in claimed],
        limited=any(row[STATUS] == LIMITED for row in rows),
        last=_last_turn([row[1] for row in claimed if row[PRIORITY] == claimed[0][PRIORITY]], after),
    )


def _last_turn(organizations: list[UUID], after: UUID) -> UUID:
    """Of those that had a turn beginning with the one after `after`: who had the last one."""
    return max(set(organizations), key=lambda one: (one <= after, one), default=after)


def claim_jobs(
    connection: Connection[Any], queue: str, *, worker: str, lease_seconds: float, limit: int = 1
) -> list[ClaimedJob]:
    """Take up to `limit` due jobs of `queue`, largest priority first, oldest first."""
    return take_turn(connection, [], queue=queue, worker=worker, lease_seconds=lease_seconds, limit=limit).claimed


def finish_job(connection: Connection[Any], job_id: UUID, attempt: int, transition: Transition) -> ChangedJob | None:
    """Write what became of one attempt. None: the job is no longer this attempt's; nothing was written."""
    finished = take_turn(connection, [Ended(job_id, attempt, transition)]).finished
    return finished[0] if finished else None


@cache
def _limited(limit: int) -> LiteralString:
    """A number of its own in the text: the server's plan for a number it does not know yet may be a poor one."""
    return cast("LiteralString", statement("take_turn").replace("%(limit)s", str(int(limit))))


def _columns(ended: Sequence[Ended]) -> dict[str, list[Any]]:
    lines = [(one.job_id, line) for one in ended for line in one.said.lines]
    steps = [one.transition for one in ended]
    said = [one.said for one in ended]
    now, clock = time.monotonic(), datetime.now(UTC)
    columns: dict[str, list[Any]] = {
        "ids": [one.job_id for one in ended],
        "attempts": [one.attempt for one in ended],
        "statuses": [str(step.status) for step in steps],
        "outcomes": [step.outcome for step in steps],
        "results": [_json(step.result) for step in steps],
        "errors": [None if step.failure is None else _json(step.failure.as_json()) for step in steps],
        "run_in": [None if step.run_at is None else (step.run_at - clock).total_seconds() for step in steps],
        "granted": [1 if step.grants_attempt else None for step in steps],
        "idle": [None if one.began else True for one in ended],
        "cpu_seconds": [one.cpu_seconds for one in ended],
        "peak_bytes": [one.peak_bytes for one in ended],
        "currents": [pulse.current for pulse in said],
        "totals": [pulse.total for pulse in said],
        "messages": [pulse.message for pulse in said],
        "checkpoints": [_json(pulse.checkpoint) for pulse in said],
        "began_ago": [None if one.began_at is None else now - one.began_at for one in ended],
        "ended_ago": [None if one.ended_at is None else now - one.ended_at for one in ended],
        "log_ids": [job_id for job_id, _ in lines],
        "log_ats": [line.at for _, line in lines],
        "log_levels": [line.level for _, line in lines],
        "log_messages": [line.message for _, line in lines],
    }
    # unnest() fills up the shorter arrays with NULL, and an array of nothing else is dear to write and to read.
    return {name: [] if values.count(None) == len(values) else values for name, values in columns.items()}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
