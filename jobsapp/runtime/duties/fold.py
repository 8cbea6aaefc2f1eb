"""Folds what statements changed of the numbers about jobs into sums, and forgets old ones."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from jobsapp.store.tallies import FOLDED_AT_ONCE, fold, forget

# So a tick takes a second or two at most, and the next duty is not late.
BATCHES = 5


def tick(connection: Connection[Any]) -> int:
    """Returns how many changes it folded; what is left over comes next time."""
    folded = 0
    for _ in range(BATCHES):
        batch = fold(connection)
        folded += batch
        if batch < FOLDED_AT_ONCE:
            break
    forget(connection)
    return folded
