"""Checks of servers that the user gave by DATABASE_URL and REDIS_URL: one sentence says what is wrong."""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from jobsapp.bus import connection
from jobsapp.errors import ConfigError, Unavailable

OLDEST_POSTGRES = 14
CONNECT_SECONDS = 5
SCHEME = "postgresql://"
# What the driver says of one that it cannot read may be a part of the password.
NO_ADDRESS = (
    "DATABASE_URL is not an address of a database, as in postgresql://user:password@host:5432/name. In a password, "
    "letters such as / and @ are written as %2F and %40."
)


def check_database(url: str) -> None:
    """Raises ConfigError if the address, the password, the database or the version is wrong."""
    if not url.startswith(SCHEME):
        raise ConfigError(f"DATABASE_URL does not begin with {SCHEME} and so is no address of a PostgreSQL database.")
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        raise ConfigError(NO_ADDRESS) from None
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as server:
            version = server.info.server_version
    except psycopg.Error as error:
        raise ConfigError(database_fault(str(error))) from None
    require_postgres(version)


def database_fault(said: str) -> str:
    """The sentence for what the driver said: a wrong password, no such database, an address that is none."""
    lines = [line.strip() for line in said.splitlines() if not line.strip().startswith("Is the server running")]
    reason = lines[-1] if lines else "no answer"
    # A password with an @ in it makes a part of itself the host.
    reason = re.sub(r"""(["'])[^"']*@[^"']*\1""", "of that name", reason)
    reason = reason.split("FATAL:")[-1].rpartition("failed: ")[2].strip().rstrip(".")
    if "password" in reason or "authentication" in reason or "role " in reason:
        return f"PostgreSQL refuses the login in DATABASE_URL: {reason}."
    if "database " in reason and "does not exist" in reason:
        return f"There is no such database at DATABASE_URL: {reason}. Create it first."
    if "invalid" in reason and ("URI" in reason or "connection option" in reason or "port" in reason):
        return NO_ADDRESS
    return f"PostgreSQL cannot be reached at DATABASE_URL: {reason}."


def require_postgres(version: int) -> None:
    """Raises ConfigError unless a `server_version` (160004 is 16.4) is new enough."""
    if version // 10000 < OLDEST_POSTGRES:
        raise ConfigError(
            f"PostgreSQL {version // 10000} at DATABASE_URL is too old: {OLDEST_POSTGRES} or newer is needed."
        )


def check_redis(url: str) -> None:
    """Raises ConfigError if the address, the password or the version is wrong."""
    try:
        connection.check(url)
    except Unavailable as error:
        raise ConfigError(redis_fault(error.detail)) from None


def redis_fault(said: str) -> str:
    """The sentence for a server that does not answer: a wrong password is told apart."""
    if "already authenticated" in said or "Authentication required" in said:
        return "Redis asks for a password: put it into REDIS_URL, redis://:password@host:port/0."
    if "invalid username-password" in said or "invalid password" in said:
        return "Redis refuses the password in REDIS_URL."
    return said.replace("..", ".")
