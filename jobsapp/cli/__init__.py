"""`flask up | worker | keeper | cleanup | audit | jobs … | queues … | limits … | retention … | workers … | users … |
orgs … | tokens … | workflows …`.

Imports nothing by itself: `light` and `init_app` decide what a process has to load.
"""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the commands."""
    from jobsapp.cli.audit import audit
    from jobsapp.cli.cleanup import cleanup
    from jobsapp.cli.jobs import jobs
    from jobsapp.cli.limits import limits
    from jobsapp.cli.organizations import orgs
    from jobsapp.cli.passwords import password
    from jobsapp.cli.processes import keeper, worker
    from jobsapp.cli.queues import queues
    from jobsapp.cli.retention import retention
    from jobsapp.cli.tokens import tokens
    from jobsapp.cli.up import up
    from jobsapp.cli.users import users
    from jobsapp.cli.workers import workers
    from jobsapp.cli.workflows import workflows

    users.add_command(password)
    of_processes, of_people = (up, worker, keeper, cleanup), (users, orgs, tokens)
    for command in (*of_processes, audit, jobs, queues, limits, retention, workers, workflows, *of_people):
        app.cli.add_command(command)
