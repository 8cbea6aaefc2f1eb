"""What is still to be told of jobs that somebody follows. Rows are written by a trigger (`job_outbox`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.statements import fetch_all, statement

CHANNEL = "jobsapp_outbox"
"""Of PostgreSQL's NOTIFY: after a commit that left something here; with the payload COUNTED if it was only that."""
TAKEN_AT_ONCE = 500
MOST_TRIES = 5

WORKFLOWS_TO_BEGIN, WORKFLOWS_DUE = "workflows to begin", "workflows to go on"
"""Clocks of the advancer that may be called by their names. A trigger of `job_queue` calls the first."""

ENDED, REOPENED, COUNTED, CHECK, MORE = "ended", "reopened", "counted", "check", "more"
BEGIN, STOP = "begin", "stop"


@dataclass(frozen=True)
class EndedJob:
    """A job that reached a final state (`kind` ENDED), or left one (REOPENED). `status`: the one it has since `at`.

    COUNTED: `jobs` jobs of a batch did one of both in one statement, `weight` is of all of them, `job_id` one of them.
    Only these have a batch. CHECK and MORE are between those who create dependents and `services/dependencies.py`;
    BEGIN and STOP are for workflows that were claimed or asked to stop (`runtime/workflows`).
    """

    id: int
    kind: str
    organization_id: UUID
    job_id: UUID
    user_id: UUID | None
    type: str
    batch_id: UUID | None
    weight: float | None
    jobs: int
    was: str | None
    status: str
    at: datetime


def take(connection: Connection[Any], *, limit: int = TAKEN_AT_ONCE, only: int | None = None) -> list[EndedJob]:
    """Take out the oldest rows whose time has come, or `only` that one, in order."""
    rows = fetch_all(connection, "take_outbox", EndedJob, limit=limit, only=only)
    return sorted(rows, key=lambda row: row.id)


def postpone(connection: Connection[Any], row_id: int, fault: str) -> bool:
    """What it leads to failed. Returns False if it was the last try: then it stays for somebody to look at."""
    values = {"id": row_id, "fault": fault, "most": MOST_TRIES}
    row = connection.execute(statement("postpone_outbox"), values).fetchone()
    return row is None or row[0] < MOST_TRIES


def tell_more(connection: Connection[Any], rows: Sequence[EndedJob]) -> None:
    """Leave word that of what depends on these jobs some are left."""
    values = {
        "organizations": [row.organization_id for row in rows],
        "jobs": [row.job_id for row in rows],
        "types": [row.type for row in rows],
        "statuses": [row.status for row in rows],
    }
    connection.execute(statement("continue_outbox"), values)


def call(connection: Connection[Any], clock: str = "") -> None:
    """Have the advancer look at once, after the commit, and ask that clock too."""
    connection.execute("SELECT pg_notify(%(channel)s, %(clock)s)", {"channel": CHANNEL, "clock": clock})
