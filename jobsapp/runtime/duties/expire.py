"""Cancels jobs that had not started by the time at which they expire, and forgets what nobody asks for any more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import announcement
from jobsapp.store.durations import forget_durations
from jobsapp.store.jobs import expire_jobs
from jobsapp.store.limits import forget_starts


def tick(connection: Connection[Any], house: House, hints: Hints) -> list[UUID]:
    """Returns the jobs that expired."""
    expired = expire_jobs(connection)
    if expired:
        hints.publish([announcement(changed) for changed in expired])
    for changed in expired:
        # An attempt that is to be followed by another may have kept something for it.
        house.storage.remove_keepdir(changed.id)
    forget_starts(connection)
    forget_durations(connection)
    return [changed.id for changed in expired]
