"""The state machine of a job, as a table. The database's CHECK and the chart in the docs are compared with it."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # Failed: a job that it depends on failed.
    Status.PENDING: frozenset({Status.ACTIVE, Status.CANCELLED, Status.FAILED}),
    # Back to pending: a retry is due, the worker died, or it handed the job back while stopping.
    Status.ACTIVE: frozenset({Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    # Back to pending: somebody asked for it.
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
}


def may_become(old: Status, new: Status) -> bool:
    """Whether a job may go from `old` to `new`."""
    return new in TRANSITIONS[old]
