"""What the commands that use the services share: the application, and who a command acts for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

from jobsapp.auth.current import services
from jobsapp.cli.friendly import friendly
from jobsapp.cli.tables import table as table
from jobsapp.config import require_servers
from jobsapp.core.actors import Actor
from jobsapp.core.audit import COMMAND_LINE
from jobsapp.core.rights import Role

P = ParamSpec("P")
R = TypeVar("R")


def in_app(function: Callable[P, R]) -> Callable[P, R]:
    """For commands that use the services: in the application's context, with servers known."""

    @wraps(function)
    @friendly
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        app: Any = click.get_current_context().find_root().obj.load_app()
        with app.app_context():
            require_servers(services().settings)
            return function(*args, **kwargs)

    return wrapper


def actor_of(email: str | None) -> Actor:
    """The user a command acts for; the first administrator by default."""
    identity = services().identity
    user = identity.get_user(email) if email else identity.bootstrap()
    return replace(identity.get_actor(user.id), address=COMMAND_LINE)


user_option = click.option("--user", "email", metavar="EMAIL", help="Whose; the first administrator by default.")
role_option = click.option(
    "--role", type=click.Choice([role.value for role in Role]), default=Role.MEMBER.value, show_default=True
)
