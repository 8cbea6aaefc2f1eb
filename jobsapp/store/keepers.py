"""Which keeper leads: a lock of PostgreSQL that belongs to its connection, whose name says who it is."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from jobsapp.store.statements import fetch_all

# Any number will do, as long as every keeper of a database uses the same.
LEADER_KEY = 8_314_628
NAME = "jobsapp keeper"
# PostgreSQL cuts off what is longer than 63 bytes: the host must leave room for pid and time.
HOST_LENGTH = 22
NAMED = re.compile(rf"{NAME} (?P<host>\S*):(?P<pid>\d+)(?: since (?P<since>\d+))?")


@dataclass(frozen=True)
class Keeper:
    """`since`: when it took the lead. Host, pid and `since` are None where the database does not tell."""

    leads: bool
    host: str | None
    pid: int | None
    since: datetime | None


@dataclass(frozen=True)
class _Row:
    leads: bool
    name: str | None


def keeper_name() -> str:
    """What a connection of this process as a keeper is called."""
    return f"{NAME} {socket.gethostname()[:HOST_LENGTH]}:{os.getpid()}"


def try_to_lead(connection: Connection[Any]) -> bool:
    """Take the lead for as long as the connection holds, if nobody has it. Its name says since when, then."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_KEY]).fetchone()
    leads = bool(row and row[0])
    if leads:
        named = f"{keeper_name()} since "
        connection.execute(
            "SELECT set_config('application_name', %s || extract(epoch FROM now())::bigint, false)", [named]
        )
    return leads


def keepers(connection: Connection[Any]) -> list[Keeper]:
    """Those that are connected: the one that leads first, then those that stand by."""
    return [_keeper(row) for row in fetch_all(connection, "keepers", _Row, key=LEADER_KEY, named=f"{NAME}%")]


def _keeper(row: _Row) -> Keeper:
    found = NAMED.fullmatch(row.name or "")
    if found is None:
        return Keeper(row.leads, None, None, None)
    since = found["since"] and datetime.fromtimestamp(int(found["since"]), UTC)
    return Keeper(row.leads, found["host"], int(found["pid"]), since or None)
