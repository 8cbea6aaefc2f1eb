"""Numbers about jobs: what there is, what ended when, what failed. Exact, and never counted from the jobs.

What a statement changes is written by triggers as new rows (`job_tallies`), which `fold` adds to the sums. All that is
read here is both together, in one snapshot: so the numbers are right whether or not anybody folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection

from jobsapp.core.periods import Period
from jobsapp.store.statements import fetch_all, fetch_one, statement

Grain = Literal["minute", "hour", "day"]
MINUTES_KEPT_HOURS = 6
HOURS_KEPT_DAYS = 90
DAYS_KEPT_DAYS = 400
FOLDED_AT_ONCE = 10_000


@dataclass(frozen=True)
class Count:
    """So many jobs there are. `duration`: their place in the histogram if they are completed, otherwise -1."""

    type: str
    status: str
    duration: int
    jobs: int


@dataclass(frozen=True)
class Ends:
    """How many jobs ended. Stretches of time are counted from 0; the keys of `jobs` are numbers as texts.

    With `status`: how many of the type ended so, by stretch. Otherwise how many completed in the stretch, or of the
    type, by their place in the histogram of durations.
    """

    stretch: int | None
    type: str | None
    status: str | None
    jobs: dict[str, int]


@dataclass(frozen=True)
class Failures:
    """Jobs of a type that failed with the same type of error. `last_at`: to the minute.

    `job_id`, `job_name`: one of the last of them; None if it is no longer there, or no longer failed.
    """

    type: str
    error_type: str
    failures: int
    last_at: datetime
    last_job_id: UUID
    job_id: UUID | None
    job_name: str | None


@dataclass(frozen=True)
class Waiting:
    queue: str
    jobs: int
    oldest_at: datetime


@dataclass(frozen=True)
class _Folded:
    tallies: int


def fold(connection: Connection[Any], *, limit: int = FOLDED_AT_ONCE) -> int:
    """Add the oldest tallies to the sums. Returns how many they were."""
    folded = fetch_one(connection, "fold_tallies", _Folded, limit=limit)
    return folded.tallies if folded else 0


def forget(connection: Connection[Any]) -> None:
    """Delete what is older than it is kept: minutes, hours with their failures, days."""
    values = {"minute_hours": MINUTES_KEPT_HOURS, "hour_days": HOURS_KEPT_DAYS, "day_days": DAYS_KEPT_DAYS}
    connection.execute(statement("forget_tallies"), values)


def counts(connection: Connection[Any], organization_id: UUID, user_id: UUID | None = None) -> list[Count]:
    """What jobs there are: of the organisation, or of one user."""
    return fetch_all(connection, "job_counts", Count, organization_id=organization_id, user_id=user_id)


def waiting(connection: Connection[Any], organization_id: UUID, user_id: UUID | None, *, bound: int) -> list[Waiting]:
    """Jobs that are due and wait, by queue, counted up to `bound` in each."""
    values = {"organization_id": organization_id, "user_id": user_id, "bound": bound}
    return fetch_all(connection, "queue_depths", Waiting, **values)


def history(
    connection: Connection[Any],
    organization_id: UUID,
    *,
    period: Period,
    grain: Grain,
    is_over: bool = False,
    type_name: str | None = None,
) -> list[Ends]:
    """What ended in the period, by its stretches, and unless it `is_over` what ended after it.

    It begins with a minute, an hour or a day as `grain` says, and a step is a whole number of those.
    """
    until = period.until if is_over else None
    values = {"since": period.since, "until": until, "step": period.step_seconds, "type": type_name}
    return fetch_all(connection, "job_history", Ends, organization_id=organization_id, grain=grain, **values)


def failures(
    connection: Connection[Any], organization_id: UUID, *, since: datetime, type_name: str | None, limit: int
) -> list[Failures]:
    """Errors that jobs failed with since the hour `since`, the latest first, up to `limit` kinds of them."""
    values = {"organization_id": organization_id, "since": since, "type": type_name, "limit": limit}
    return fetch_all(connection, "job_failures", Failures, **values)
