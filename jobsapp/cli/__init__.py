"""`flask up | worker | keeper | cleanup | audit | jobs … | batches … | schedules … | queues … | limits … |
retention … | notifications … | workers … | users … | orgs … | tokens … | workflows …`.

Imports nothing by itself: `light` and `init_app` decide what a process has to load.
"""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the commands."""
    from jobsapp.cli.audit import audit
    from jobsapp.cli.batches import batches
    from jobsapp.cli.cleanup import cleanup
    from jobsapp.cli.jobs import jobs
    from jobsapp.cli.limits import limits
    from jobsapp.cli.notifications import notifications
    from jobsapp.cli.organizations import orgs
    from jobsapp.cli.passwords import password
    from jobsapp.cli.processes import keeper, worker
    from jobsapp.cli.queues import queues
    from jobsapp.cli.retention import retention
    from jobsapp.cli.schedules import schedules
    from jobsapp.cli.tokens import tokens
    from jobsapp.cli.up import up
    from jobsapp.cli.users import users
    from jobsapp.cli.workers import workers
    from jobsapp.cli.workflows import workflows

    users.add_command(password)
    running = (up, worker, keeper, cleanup, audit)
    work = (jobs, batches, schedules, queues, limits, retention, notifications, workers, workflows)
    for command in (*running, *work, users, orgs, tokens):
        app.cli.add_command(command)
