"""The points of what running jobs measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.points import Point
from jobsapp.store.statements import statement


def add_metrics(connection: Connection[Any], job_id: UUID, attempt: int, points: Sequence[Point]) -> None:
    """Keep points of an attempt, if it is still this worker's."""
    values = {
        "id": job_id,
        "attempt": attempt,
        "keys": [point.key for point in points],
        "steps": [point.step for point in points],
        "values": [point.value for point in points],
    }
    connection.execute(statement("add_metrics"), values)
