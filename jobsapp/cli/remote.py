"""Commands that work through the API: of a server somewhere, or of this installation, in the same process.

In the same process nobody signs in and no token is made: the command hands the user it acts for to the application
itself, in a way that no request from outside can take (`auth/current.py`, CALLER). Who may run commands here may read
the database anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from jobsapp.cli.friendly import friendly
from jobsapp.cli.light import WHOLE

if TYPE_CHECKING:
    from jobsapp.client import Client

P = ParamSpec("P")
R = TypeVar("R")

URL, TOKEN = "JOBSAPP_URL", "JOBSAPP_TOKEN"
ATTEMPTS = 5
OPTIONS = (
    click.option(
        "--server",
        envvar=URL,
        show_envvar=True,
        metavar="URL",
        help="Ask this server; by default this installation's database, without a server.",
    ),
    click.option(
        "--token",
        envvar=TOKEN,
        show_envvar=True,
        metavar="TOKEN",
        help="For the server. Others on this machine see what stands on a command line: rather set the variable.",
    ),
    click.option(
        "--user", "email", metavar="EMAIL", help="Whose, without a server; the first administrator by default."
    ),
)


def with_client(function: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """For commands that get a client, and the options that say of which server and as whom."""

    @wraps(function)
    @friendly
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from jobsapp.client import ClientError

        server, token, email = (kwargs.pop(name) for name in ("server", "token", "email"))
        try:
            with _opened(server, token, email) as client:
                return function(client, *args, **kwargs)
        except ClientError as error:
            raise click.ClickException(str(error)) from None

    command: Callable[P, R] = wrapper
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@contextmanager
def _opened(server: Any, token: Any, email: Any) -> Iterator[Client]:
    from jobsapp.client import Client, Retries

    if not server:
        with _inside(email) as client:
            yield client
        return
    if email:
        raise click.UsageError("With --server the token says who you are: leave out --user.")
    if not token:
        raise click.UsageError("With --server give a token too: JOBSAPP_TOKEN. `flask tokens create` makes one.")
    if token == os.environ.get(TOKEN) and os.environ.get(URL, server) != server:
        raise click.UsageError(f"{TOKEN} is for the server of {URL}. Give --token for this one.")
    with Client(server, token, retries=Retries(attempts=ATTEMPTS)) as client:
        yield client


@contextmanager
def _inside(email: str | None) -> Iterator[Client]:
    """This process as its own server, for one user."""
    from jobsapp.auth.current import CALLER, services
    from jobsapp.cli.common import actor_of
    from jobsapp.client import Client
    from jobsapp.config import require_servers

    app = _application()
    with app.app_context():
        require_servers(services().settings)
        actor = actor_of(email)
    with Client.local(app, environ={CALLER: actor}) as client:
        yield client


def _application() -> Any:
    """The whole application: that of the process, or if that is a light one, made now."""
    found: Any = click.get_current_context().find_root().obj.load_app()
    return found.extensions[WHOLE]() if WHOLE in found.extensions else found
