"""One statement for what a work-horse tells and asks: these attempts ended so, give me the next jobs."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

from psycopg import Connection, RawCursor

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.store.jobs import ChangedJob, ClaimedJob, Pulse
from jobsapp.store.statements import statement

FIRST = UUID(int=0)
LIMITED = "limited"
PLACE, STATUS, ORGANIZATION, PRIORITY = 0, 1, 3, 5
NOTHING = Pulse(None, None, None, changed=False)


class Ended(NamedTuple):
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
    query, names = _limited(limit)
    with RawCursor(connection) as cursor:
        # Prepared at once: it is planned for longer than it runs.
        rows = cursor.execute(query, [values[name] for name in names], prepare=True).fetchall()
    # Of those that ended the statement tells the place in the list.
    claimed = _in_turns([row for row in rows if row[STATUS] == Status.ACTIVE and row[PLACE] is None], after)
    return Turn(
        [
            ChangedJob(ended[row[PLACE] - 1].job_id, _uuid(row[3]), row[4], row[STATUS], row[2])
            for row in rows
            if row[PLACE] is not None
        ],
        [_claimed(row) for row in claimed],
        limited=any(row[STATUS] == LIMITED for row in rows),
        last=_uuid(claimed[-1][ORGANIZATION]) if claimed else after,
    )


def _claimed(row: tuple[Any, ...]) -> ClaimedJob:
    _, _, revision, organization, queue, _, _, job_id, user, kind, *rest = row
    data, checkpoint, attempt, most, allowance, timeout, retry = rest
    user_id = None if user is None else _uuid(user)
    facts = (data, checkpoint, attempt, most, allowance, revision, timeout, retry)
    return ClaimedJob(job_id, _uuid(organization), user_id, kind, queue, *facts)


@lru_cache(10_000)
def _uuid(text: str) -> UUID:
    """Few organisations and users have many jobs, and to make a UUID costs more than to find it."""
    return UUID(text)


def _in_turns(claimed: list[tuple[Any, ...]], after: UUID) -> list[tuple[Any, ...]]:
    """The same with the organisations in turn inside each priority, beginning with the one after `after`."""
    organizations = {row[ORGANIZATION] for row in claimed}
    if len(organizations) < 2:
        return claimed
    in_turn = sorted(organizations, key=lambda one: (_uuid(one) <= after, one))
    turns = {one: place for place, one in enumerate(in_turn)}
    lines: Counter[tuple[int, str]] = Counter()
    placed = []
    for row in claimed:
        line = (-row[PRIORITY], row[ORGANIZATION])
        placed.append(((line[0], lines[line], turns[line[1]]), row))
        lines[line] += 1
    return [row for _, row in sorted(placed, key=lambda one: one[0])]


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
def _limited(limit: int) -> tuple[LiteralString, list[str]]:
    """The text with `$1` for the first of the names, as the server has it: the driver would do that at each call.

    The limit has its number in the text, since the plan for a number that is not known yet may be a poor one.
    """
    text = statement("take_turn").replace("%(limit)s", str(int(limit)))
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text)
    return cast("LiteralString", text), names


def _columns(ended: Sequence[Ended]) -> dict[str, Any]:
    lines = [(one.job_id, line) for one in ended for line in one.said.lines]
    steps = [one.transition for one in ended]
    said = [one.said for one in ended]
    now, clock = time.monotonic(), datetime.now(UTC)
    return {
        "ids": _array([one.job_id.hex for one in ended]),
        "attempts": _array([one.attempt for one in ended]),
        "statuses": _array([step.status for step in steps]),
        "outcomes": _array([step.outcome for step in steps]),
        "results": _texts([_json(step.result) for step in steps]),
        "errors": _texts([None if step.failure is None else _json(step.failure.as_json()) for step in steps]),
        "run_in": _array([None if step.run_at is None else (step.run_at - clock).total_seconds() for step in steps]),
        "granted": _array([1 if step.grants_attempt else None for step in steps]),
        "idle": _array([None if one.began else "true" for one in ended]),
        "cpu_seconds": _array([one.cpu_seconds for one in ended]),
        "peak_bytes": _array([one.peak_bytes for one in ended]),
        "currents": _array([pulse.current for pulse in said]),
        "totals": _array([pulse.total for pulse in said]),
        "messages": _texts([pulse.message for pulse in said]),
        "checkpoints": _texts([_json(pulse.checkpoint) for pulse in said]),
        "began_ago": _array([None if one.began_at is None else now - one.began_at for one in ended]),
        "ended_ago": _array([None if one.ended_at is None else now - one.ended_at for one in ended]),
        "log_ids": [job_id for job_id, _ in lines],
        "log_ats": [line.at for _, line in lines],
        "log_levels": [line.level for _, line in lines],
        "log_messages": [line.message for _, line in lines],
    }


def _array(values: list[Any]) -> str:
    """An array of what needs no quotes, written here: the driver takes several times as long.

    unnest() fills up the shorter arrays with NULL, and an array of nothing else is dear to write and to read.
    """
    if values.count(None) == len(values):
        return "{}"
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _texts(values: list[str | None]) -> list[str | None]:
    return [] if values.count(None) == len(values) else values


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
