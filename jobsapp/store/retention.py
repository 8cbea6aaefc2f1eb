"""Walks along what has come of age: how far each is, what a part of it holds, and what was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.ids import first_id_at
from jobsapp.core.retention import FINISHED, JOBS, Rule, reach
from jobsapp.store.statements import fetch_all, fetch_one, statement

RUN_DAYS = 90
"""For so long it is known what was deleted."""
WINDOW = 2000
"""Rows that a part of a walk looks at."""
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Walk:
    """The walk of a rule, as `models/retention.py` has it; `at`: the database's time."""

    organization_id: UUID
    scope: str
    type: str
    status: str
    days: int
    position: UUID | None
    round_at: datetime
    at: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scope, self.type, self.status


@dataclass(frozen=True)
class Part:
    """Of the rows that a part of a walk looked at: how many, the last one, and those that are due."""

    due: list[UUID]
    seen: int
    last_id: UUID | None

    def end(self, limit: int) -> UUID | None:
        """Where to go on, if so many were asked for: None if there was nothing to look at."""
        return self.due[-1] if len(self.due) >= limit else self.last_id

    def is_last(self, limit: int) -> bool:
        """Whether there was no more to look at."""
        return len(self.due) < limit and self.seen < WINDOW


def limit_waiting(connection: Connection[Any], *, lock_seconds: float, seconds: float) -> None:
    """For the present transaction: wait for no lock and no statement longer. Raises LockNotAvailable, QueryCanceled."""
    connection.execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
        [str(int(lock_seconds * 1000)), str(int(seconds * 1000))],
    )


def plan_walks(connection: Connection[Any], *, default_days: int) -> None:
    """Let there be a walk for each rule, and for what the installation says (0: nothing)."""
    connection.execute(statement("plan_walks"), {"days": default_days, "run_days": RUN_DAYS})


def hasten_walks(connection: Connection[Any]) -> None:
    """Let all walks that rest be due, but for those that somebody goes on with."""
    connection.execute(statement("hasten_walks"))


def take_walk(connection: Connection[Any]) -> Walk | None:
    """The next one that is due; it is the caller's until the transaction ends."""
    return fetch_one(connection, "take_walk", Walk)


def save_walk(connection: Connection[Any], walk: Walk, *, pause_seconds: float) -> None:
    """Keep its position; it goes on after the pause."""
    connection.execute(statement("save_walk"), vars(walk) | {"pause": pause_seconds})


def forget_walk(connection: Connection[Any], walk: Walk) -> None:
    connection.execute(statement("forget_walk"), vars(walk))


def rules_of(connection: Connection[Any], organization_id: UUID) -> list[Rule]:
    return fetch_all(connection, "retention_rules", Rule, organization_id=organization_id)


def next_part(connection: Connection[Any], walk: Walk, rules: Sequence[Rule], *, limit: int) -> Part:
    """What the walk meets next: up to WINDOW rows, and of those up to `limit` that are due.

    Ids sort by time, and what has come of age was made before: so the walk ends there.
    """
    rule = next(one for one in rules if one.key == walk.key)
    covered = reach(rule, rules)
    values = {
        "organization_id": walk.organization_id,
        "type": walk.type,
        "statuses": list(covered.statuses),
        "others": list(covered.others),
        "after": walk.position or FIRST,
        "before": first_id_at(walk.at - timedelta(days=walk.days)),
        "days": walk.days,
        "window": WINDOW,
        "limit": limit,
    }
    name = "walk_uploads" if walk.scope != JOBS else "walk_jobs_of_type" if walk.type else "walk_jobs"
    part = fetch_one(connection, name, Part, **values)
    return part or Part([], 0, None)


def old_part(connection: Connection[Any], organization_id: UUID, *, days: int, after: UUID, limit: int) -> Part:
    """As `next_part`, for all finished jobs of an organisation, whatever its rules say, to the youngest one."""
    values = {"organization_id": organization_id, "statuses": list(FINISHED), "others": [], "days": days}
    bounds = {"after": after, "before": LAST, "window": WINDOW, "limit": limit}
    part = fetch_one(connection, "walk_jobs", Part, **values, **bounds)
    return part or Part([], 0, None)


def step(walk: Walk, part: Part, *, limit: int) -> tuple[Walk, bool]:
    """The walk after this part, and whether it has come to its end for now."""
    return replace(walk, position=part.end(limit) or walk.position), part.is_last(limit)


def add_run(connection: Connection[Any], walk: Walk, *, deleted: int, archives: int) -> None:
    """Remember that so many were deleted, of the walk's rule and the present day."""
    values = {"deleted": deleted, "archives": archives}
    connection.execute(statement("add_retention_run"), vars(walk) | values)
