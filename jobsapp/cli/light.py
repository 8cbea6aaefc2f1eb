"""The application for a process that serves no page: the commands that need none of the web, and nothing else.

The whole application is three times as much to import, and every worker would carry it in its memory. `flask jobs`
needs it only if no server is named: it makes it then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import click
from flask import Flask

COMMANDS = {"worker": "processes", "keeper": "processes", "up": "up"} | {
    name: name for name in ("jobs", "batches", "schedules", "workflows")
}
WHOLE = "jobsapp.whole"


def find_app(whole: Callable[[], Flask]) -> Flask | None:
    """The application for the `flask` command that this process runs. None: the command needs the whole one.

    `whole` makes that, for a command that finds out later: it is left in the extensions, by the name WHOLE.
    """
    name = asked_command()
    if name not in COMMANDS:
        return None
    app = Flask("jobsapp", static_folder=None)
    app.extensions[WHOLE] = whole
    app.cli.add_command(getattr(import_module(f"jobsapp.cli.{COMMANDS[name]}"), name))
    return app


def asked_command() -> str:
    """The command on the command line of `flask`. Empty if this process runs another program."""
    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    root = context.find_root()
    # Click has forgotten the words by the time that Flask looks for its application: the same parser reads them again.
    _, words, _ = root.command.make_parser(root).parse_args(sys.argv[1:])
    return words[0] if words else ""
