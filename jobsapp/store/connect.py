"""Connections of the processes that hold one for long: a server that has gone silent is noticed within seconds."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import set_json_loads
from pydantic_core import from_json

# Both ends ask for signs of life, so that the server too drops a host that lost power, and with it its locks.
CLIENT_SIDE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# The tables grow from nothing to millions of rows faster than statistics follow, and our statements have one good plan
# each: along their indexes, in order.
PLANS = (
    "enable_seqscan = off",
    "enable_bitmapscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "enable_material = off",
    "plan_cache_mode = force_generic_plan",
    "jit = off",
)
SERVER_SIDE = ("tcp_keepalives_idle = 5", "tcp_keepalives_interval = 2", "tcp_keepalives_count = 3")
# Our transactions are statements one after the other. Who says nothing for so long in the middle of one is frozen, and
# others wait for what it has locked. It costs a client that was only slow nothing but another try.
IDLE_SECONDS = 5
CUT_OFF = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout)
"""Errors that mean: this connection is of no more use, another one may be."""


def connect(url: str, name: str) -> psycopg.Connection[Any]:
    """A connection in autocommit mode. `name` is what the server's list of connections shows.

    The server ends it after IDLE_SECONDS without a word inside a transaction. Raises psycopg.OperationalError.
    """
    connection = psycopg.connect(url, autocommit=True, application_name=name, **CLIENT_SIDE)
    set_json_loads(from_json, connection)
    for setting in (*SERVER_SIDE, f"idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'", *PLANS):
        connection.execute(f"SET {setting}")
    return connection
