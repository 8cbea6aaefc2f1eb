"""`flask up | worker | keeper | cleanup | jobs … | queues … | limits … | users … | tokens …`."""

from __future__ import annotations

from flask import Flask

from jobsapp.cli.identity import tokens, users
from jobsapp.cli.jobs import jobs
from jobsapp.cli.limits import limits
from jobsapp.cli.processes import cleanup, keeper, worker
from jobsapp.cli.queues import queues
from jobsapp.cli.up import up


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (up, worker, keeper, cleanup, jobs, queues, limits, users, tokens):
        app.cli.add_command(command)
