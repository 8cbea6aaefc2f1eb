"""The house: queues and workers, limits and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.bus.bells import Bells
from jobsapp.bus.condition import Observer
from jobsapp.bus.rates import Rates
from jobsapp.bus.roster import Roster
from jobsapp.config import Settings
from jobsapp.processors.registry import Registry
from jobsapp.services.bounds import Bounds
from jobsapp.services.health import Health
from jobsapp.services.history import History
from jobsapp.services.limits import Limits
from jobsapp.services.queues import Queues
from jobsapp.services.stats import Stats
from jobsapp.services.system import System
from jobsapp.services.wiring.given import Given
from jobsapp.services.workers import Workers


@dataclass(frozen=True)
class HouseServices:
    """What there is to work with, and how it fares."""

    settings: Settings
    registry: Registry
    bounds: Bounds
    queues: Queues
    limits: Limits
    workers: Workers
    stats: Stats
    history: History
    health: Health
    system: System
    bells: Bells
    rates: Rates


def build_house(given: Given, roster: Roster, observer: Observer) -> HouseServices:
    session, settings, registry = given.session, given.settings, given.registry
    return HouseServices(
        settings=settings,
        registry=registry,
        bounds=Bounds(session),
        queues=Queues(session, registry, given.hints),
        limits=Limits(session, registry, given.hints),
        workers=Workers(session, roster),
        stats=Stats(session),
        history=History(session, registry),
        health=Health(session, settings.redis_url),
        system=System(session, observer, settings.data_dir),
        # Each holds a thread, and others have requests too.
        bells=Bells(settings.web_threads // 2),
        rates=Rates(given.redis_url),
    )
