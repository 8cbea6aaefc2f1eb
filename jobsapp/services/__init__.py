"""Use cases: each takes an actor, checks what they may do, changes rows and registers what leaves after COMMIT."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.condition import Observer
from jobsapp.bus.guard import Guard
from jobsapp.bus.hints import Hints
from jobsapp.bus.roster import Roster
from jobsapp.bus.windows import Windows
from jobsapp.config import Settings
from jobsapp.processors.registry import Registry
from jobsapp.services.sessions import DbSession
from jobsapp.services.throttle import Throttle
from jobsapp.services.wiring.batches import BatchServices, build_batches
from jobsapp.services.wiring.given import Given
from jobsapp.services.wiring.house import HouseServices, build_house
from jobsapp.services.wiring.jobs import JobServices, build_jobs
from jobsapp.services.wiring.notifications import NotificationServices, build_notifications
from jobsapp.services.wiring.people import PeopleServices, build_people
from jobsapp.services.wiring.planned import PlannedServices, build_planned
from jobsapp.storage import LocalStorage

__all__ = ["Services", "build_services"]


@dataclass(frozen=True)
class Services(HouseServices, JobServices, BatchServices, PlannedServices, PeopleServices, NotificationServices):
    """All use cases, wired once per application."""


def build_services(
    session: DbSession,
    settings: Settings,
    registry: Registry,
    storage: LocalStorage,
    hints: Hints,
) -> Services:
    """Wire the use cases to their collaborators."""
    given = Given(session, settings, registry, storage, hints)
    jobs = build_jobs(given)
    # One guard: if Redis is away, all of them wait for it once.
    looks, guard = redis_connection.looks(given.redis_url), Guard()
    groups = (
        build_house(given, Roster(looks, guard), Observer(looks, guard)),
        jobs,
        build_batches(given, jobs),
        build_planned(given, jobs),
        build_people(given, Throttle(Windows(looks, guard))),
        build_notifications(given),
    )
    return Services(**{name: service for group in groups for name, service in vars(group).items()})
