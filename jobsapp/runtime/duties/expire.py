"""Cancels jobs that had not started by the time at which they expire, and forgets what nobody asks for any more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.runtime.settle import announcement
from jobsapp.store.durations import forget_durations
from jobsapp.store.jobs import expire_jobs
from jobsapp.store.limits import forget_starts


def tick(connection: Connection[Any], hints: Hints) -> list[UUID]:
    """Returns the jobs that expired."""
    expired = expire_jobs(connection)
    if expired:
        hints.publish([announcement(changed) for changed in expired])
    forget_starts(connection)
    forget_durations(connection)
    return [changed.id for changed in expired]
