"""Hands for tests of schedules: time is set by hand, so nothing sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.runtime.firing import fire_due
from jobsapp.services import Services
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.schedule_views import ScheduleView

Connection = psycopg.Connection[Any]
HOURLY = "0 * * * *"
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)
"""A time ahead of the database's, which the tests go to."""


def make(services: Services, actor: Actor, **said: Any) -> ScheduleView:
    """A schedule of echoes, hourly if nothing else is said; its next run is set by `due_from`."""
    said = {"type": "echo", "data": {"text": "hi"}, **said}
    if "every_seconds" not in said:
        said.setdefault("cron", HOURLY)
    return services.schedules.create(actor, NewSchedule(**said))


def due_from(connection: Connection, schedule_id: UUID, moment: datetime) -> None:
    """Let its next run be due then."""
    connection.execute(
        "UPDATE schedules SET next_run_at = %s, fire_at = %s WHERE id = %s", [moment, moment, schedule_id]
    )


def tick(services: Services, now: datetime) -> int:
    """As the keeper at that time."""
    return fire_due(services, db.session, now)


def ran(connection: Connection, schedule_id: UUID) -> list[tuple[datetime, str]]:
    """What came of its runs, in order of time."""
    query = "SELECT run_at, outcome FROM schedule_runs WHERE schedule_id = %s ORDER BY run_at"
    return [(at.astimezone(UTC), outcome) for at, outcome in connection.execute(query, [schedule_id])]


def jobs_of(connection: Connection, schedule_id: UUID) -> list[UUID]:
    query = "SELECT job_id FROM schedule_runs WHERE schedule_id = %s AND job_id IS NOT NULL ORDER BY run_at"
    return [row[0] for row in connection.execute(query, [schedule_id])]


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
