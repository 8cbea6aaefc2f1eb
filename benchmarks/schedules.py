"""Schedules that are due in the same second: how many are fired in one, beside jobs created one by one.

python -m benchmarks.schedules [SCHEDULES]
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from sqlalchemy import delete, select, update

from benchmarks.stage import Result, servers
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.models import Schedule, ScheduleRun
from jobsapp.runtime.firing import fire
from jobsapp.runtime.house import build_house
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.new_jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.sessions import DbSession

SCHEDULES = 1000
ROUNDS = 3


def fired(settings: Settings, schedules: int = SCHEDULES) -> Result:
    """All of them due at once, the best of ROUNDS; each run is a row, a job, its place in the queue, and hints."""
    with open_use_cases(build_house(settings), "benchmark") as (services, session):
        admin = services.identity.get_actor(services.identity.bootstrap().id)
        for number in range(schedules):
            new = NewSchedule("empty", {}, f"Nightly {number}", cron="30 2 * * *", overlap="allow")
            services.schedules.create(admin, new)
        ours = max(_fire_all(services, session, schedules) for _ in range(ROUNDS))
        created = _create(services, admin, schedules)
    return {
        "name": f"{schedules:,} schedules due at once",
        "value": round(ours),
        "unit": "schedules/s",
        "peers": {"jobs created one by one": round(created)},
        "ratios": {"jobs created one by one": round(ours / created, 1)},
    }


def _fire_all(services: Services, session: DbSession, schedules: int) -> float:
    """Schedules a second."""
    due = session.scalars(select(Schedule.next_run_at).limit(1)).one()
    assert due is not None
    past = due - timedelta(days=3)
    session.execute(delete(ScheduleRun))
    session.execute(update(Schedule).values(next_run_at=past, fire_at=past))
    session.commit()
    before, begin, made = _runs(session), time.perf_counter(), 0
    while made < schedules:
        made += fire(services, session)
    took = time.perf_counter() - begin
    assert _runs(session) - before == schedules
    return schedules / took


def _runs(session: DbSession) -> int:
    return sum(session.scalars(select(Schedule.runs)))


def _create(services: Services, admin: Actor, jobs: int) -> float:
    """Jobs a second."""
    begin = time.perf_counter()
    for number in range(jobs):
        services.jobs.create(admin, NewJob("empty", {}, f"Nightly {number}"))
    return jobs / (time.perf_counter() - begin)


if __name__ == "__main__":
    with servers() as found:
        print(fired(found, int(sys.argv[1]) if len(sys.argv) > 1 else SCHEDULES))
