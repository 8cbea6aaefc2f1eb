"""What the scheduler does: schedules that are declared in code once, then all that are due, over and over."""

from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy import func, select

from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.firing import AT_ONCE
from jobsapp.services.sessions import DATABASE_AWAY, DbSession
from jobsapp.store.connect import CUT_OFF

AWAY = (*CUT_OFF, *DATABASE_AWAY)


def keep_firing(house: House, stopping: threading.Event, pause_seconds: float) -> None:
    """Until it is told to stop. Raises one of AWAY."""
    with open_use_cases(house, "jobsapp scheduler") as (services, session):
        declare(services, session)
        while not stopping.is_set():
            if fire(services, session) < AT_ONCE:
                stopping.wait(pause_seconds)


def declare(services: Services, session: DbSession) -> None:
    """Let the schedules that are declared in code be as they are declared."""
    try:
        services.declared.synchronise()
        session.commit()
    finally:
        session.remove()


def fire(services: Services, session: DbSession) -> int:
    """Make the runs of some schedules that are due, and commit. Returns of how many, AT_ONCE if there may be more."""
    try:
        return fire_due(services, session, session.execute(select(func.now())).scalar_one())
    finally:
        session.remove()


def fire_due(services: Services, session: DbSession, now: datetime) -> int:
    """The same at that time. Who cancels the job before has a transaction of its own."""
    fired = services.firing.tick(now)
    session.commit()
    for schedule_id in fired.apart:
        services.firing.alone(schedule_id, now)
        session.commit()
    return fired.schedules
