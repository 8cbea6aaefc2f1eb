"""How long jobs of each type took lately: a few rows per type, each with the last durations in one array.

So a job that completes writes nothing here: its work-horse does it for many jobs at once, every few seconds. And no
row is everybody's: which of the rows of a type a worker writes follows from its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from psycopg import Connection

from jobsapp.store.statements import fetch_all, statement

SLOTS = 8
KEPT = 128
READ = 256
FORGET_DAYS = 30


@dataclass(frozen=True)
class Past:
    """The database's time, and the seconds that jobs took, by type, in rising order."""

    now: datetime
    durations: Mapping[str, Sequence[float]]


def add_durations(connection: Connection[Any], worker: str, durations: Mapping[str, Sequence[float]]) -> None:
    """Keep what jobs took, in seconds, by type, the newest last."""
    flat = [(type_name, seconds) for type_name, those in durations.items() for seconds in those]
    values = {
        "slot": crc32(worker.encode()) % SLOTS,
        "types": [type_name for type_name, _ in flat],
        "seconds": [seconds for _, seconds in flat],
        "room": KEPT,
    }
    connection.execute(statement("add_durations"), values)


def read_durations(connection: Connection[Any], types: Collection[str]) -> Past:
    """Up to READ of the last durations of each of these types, which may not be none."""
    rows = fetch_all(connection, "read_durations", _Row, types=sorted(types), limit=READ)
    return Past(rows[0].now, {row.type: sorted(row.seconds) for row in rows})


def forget_durations(connection: Connection[Any]) -> None:
    """Delete what was written FORGET_DAYS ago and not since."""
    connection.execute(statement("forget_durations"), {"days": FORGET_DAYS})


@dataclass(frozen=True)
class _Row:
    now: datetime
    type: str
    seconds: list[float]
