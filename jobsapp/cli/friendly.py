"""One line on stderr for every error meant for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

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
    """What says that the server is away. What is not loaded cannot raise its error, and takes its time to load."""
    loaded = [sys.modules.get(name) for name in ("psycopg", "sqlalchemy.exc")]
    return tuple(module.OperationalError for module in loaded if module)
