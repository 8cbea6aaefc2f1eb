"""Connections to Redis (or Valkey)."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry

from jobsapp.errors import ConfigError, Unavailable

MINIMUM = (6, 2)
TIMEOUT_SECONDS = 1.0

__all__ = ["RedisError", "check", "hints", "looks", "steady"]


def hints(url: str) -> Redis:
    """A connection for hints: it gives up at once, because nobody may wait for a hint."""
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


def looks(url: str) -> Redis:
    """A connection for what a page shows: as for hints, but who is silent for a second is not asked again."""
    once_more = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
    return Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=once_more)


def steady(url: str) -> Redis:
    """A connection that waits for messages for as long as it takes. RQ sets its own timeouts on it."""
    return Redis.from_url(url, socket_keepalive=True, health_check_interval=15)


def check(url: str) -> None:
    """Raises ConfigError if the address or the version is wrong, Unavailable if nobody answers."""
    try:
        version = str(hints(url).info("server")["redis_version"])
    except ValueError:
        # What the library says of it may be a part of the password.
        raise ConfigError(
            "REDIS_URL is not an address of Redis, as in redis://:password@host:6379/0. In a password, letters such "
            "as / and @ are written as %2F and %40."
        ) from None
    except RedisError as error:
        raise Unavailable(f"Redis does not answer at REDIS_URL: {error}.") from None
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        raise ConfigError(f"Redis {version} is too old; jobsapp needs 6.2 or newer, or Valkey.")
