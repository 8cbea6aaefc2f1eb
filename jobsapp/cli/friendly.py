"""One line on stderr for every error meant for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from psycopg import OperationalError

from jobsapp.errors import JobsappError

P = ParamSpec("P")
R = TypeVar("R")


def friendly(function: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors, and an unreachable PostgreSQL, into one sentence and exit status 1."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except JobsappError as error:
            raise click.ClickException(str(error)) from None
        except _unreachable() as error:
            first = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise click.ClickException(f"PostgreSQL cannot be used: {first}") from None

    return wrapper


def _unreachable() -> tuple[type[Exception], ...]:
    """What says that the server is away. A worker has no SQLAlchemy loaded, so it cannot raise its error."""
    alchemy = sys.modules.get("sqlalchemy.exc")
    return (OperationalError, alchemy.OperationalError) if alchemy else (OperationalError,)
