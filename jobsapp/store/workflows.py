"""What the clocks of workflows ask. Each function is one statement, and the caller owns the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.store.outbox import call
from jobsapp.store.statements import fetch_all, statement

RUNNING_COUNTED = 100


@dataclass(frozen=True)
class Activity:
    """The newest run of a workflow that has begun, and how many go on, counted up to RUNNING_COUNTED."""

    name: str
    job_id: UUID
    status: str
    stopping: bool
    created_at: datetime
    running: int

    @property
    def or_more(self) -> bool:
        return self.running >= RUNNING_COUNTED


def wait(connection: Connection[Any], queue: str) -> bool:
    """Whether a run can be begun."""
    row = connection.execute(statement("workflows_wait"), {"queue": queue}).fetchone()
    return row is not None and row[0]


def due(connection: Connection[Any], *, limit: int) -> list[UUID]:
    """Runs whose time has come, the earliest first."""
    return [row[0] for row in connection.execute(statement("due_workflows"), {"limit": limit})]


def catch_up(connection: Connection[Any], *, limit: int) -> int:
    """Have runs looked at when they should be, whatever became of word that was left of them.

    It reads all that go on: for who takes over. Returns how many it changed.
    """
    return connection.execute(statement("catch_up_workflows"), {"limit": limit}).rowcount


def not_begun(connection: Connection[Any], worker: str) -> list[UUID]:
    """Runs that were claimed as `worker`, and that nobody will begin unless word is left of them anew.

    As `catch_up` it reads all that go on.
    """
    return [row[0] for row in connection.execute(statement("catch_up_begins"), {"worker": worker})]


def tell_claimed(connection: Connection[Any], job_ids: Sequence[UUID]) -> None:
    """Leave word that these runs were claimed and are to be begun (`outbox.BEGIN`), and call the advancer."""
    connection.execute(statement("tell_claimed"), {"ids": list(job_ids)})
    call(connection)


def activity(connection: Connection[Any], names: Sequence[str], *, organization_id: UUID) -> list[Activity]:
    """Of those of these workflows that have runs."""
    values = {"names": list(names), "organization_id": organization_id, "most": RUNNING_COUNTED}
    return fetch_all(connection, "workflow_activity", Activity, **values)
