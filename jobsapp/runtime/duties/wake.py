"""Wakes queues that have due work: how retries, start times and a flushed Redis come back."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from jobsapp.bus.hints import Hints
from jobsapp.store.jobs import due_queues, make_due


def tick(connection: Connection[Any], hints: Hints) -> list[str]:
    """Returns the queues it woke. One that has a wake-up waiting already gets no second one."""
    make_due(connection)
    queues = due_queues(connection)
    for queue in queues:
        hints.wake(queue)
    return queues
