"""Limited queues with real workers and no keeper: what may run runs at once, not at somebody's next look."""

from __future__ import annotations

from typing import Any

import psycopg

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.limits import NewLimit
from tests.processes import Processes, wait_until

Connection = psycopg.Connection[Any]
SPAN = "SELECT extract(epoch FROM max(completed_at) - min(started_at))::float8, count(completed_at) FROM jobs"


def done(connection: Connection) -> int:
    return connection.execute(SPAN).fetchall()[0][1]  # type: ignore[no-any-return]


def most_at_once(connection: Connection) -> int:
    """By the times that the workers wrote of their jobs."""
    times = connection.execute("SELECT started_at, completed_at FROM jobs").fetchall()
    return max(sum(begin <= moment < end for begin, end in times) for moment, _ in times)


def test_a_limited_queue_drains_without_a_pause(
    settings: Settings, services: Services, admin: Actor, connection: Connection
) -> None:
    services.limits.set(admin, "queue", "steps", NewLimit(1))
    for _ in range(40):
        services.jobs.create(admin, NewJob("steps", {"steps": 1, "seconds": 0.01}))
    with Processes(settings) as processes:
        processes.flask("worker", "--concurrency", "2")
        wait_until(lambda: done(connection) == 40, "all jobs done")
    assert most_at_once(connection) == 1
    assert connection.execute(SPAN).fetchall()[0][0] < 8


def test_room_in_another_queue_is_used_at_once(
    settings: Settings, services: Services, admin: Actor, connection: Connection
) -> None:
    """One job at a time for the organisation: when its last job of one queue ends, the other queue goes on."""
    services.limits.set(admin, "organization", str(admin.organization_id), NewLimit(1))
    for kind, data in (("steps", {"steps": 1, "seconds": 0.3}), ("echo", {})):
        for _ in range(3):
            services.jobs.create(admin, NewJob(kind, data))
    with Processes(settings) as processes:
        processes.flask("worker", "--concurrency", "2")
        wait_until(lambda: done(connection) == 6, "all jobs done")
    assert most_at_once(connection) == 1
