"""`flask users password EMAIL`."""

from __future__ import annotations

import sys

import click

from jobsapp.auth.current import services
from jobsapp.cli.common import in_app


@click.command("password")
@click.argument("email")
@click.option("--stdin", "piped", is_flag=True, help="Read it from the first line of the input, without asking.")
@in_app
def password(email: str, piped: bool) -> None:
    """Set a user's password. It is asked for, and never an argument, which others on the machine can read."""
    identity = services().identity
    identity.bootstrap()
    identity.get_user(email)
    new = _first_line() if piped else click.prompt("New password", hide_input=True, confirmation_prompt=True)
    services().passwords.set(email, new)
    click.echo(f"The password of {email} is set; all browsers of that user are signed out.")


def _first_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")
