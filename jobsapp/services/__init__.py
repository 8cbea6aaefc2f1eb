"""Use cases: each takes an actor, checks what they may do, changes rows and registers what leaves after COMMIT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session, scoped_session

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.condition import Observer
from jobsapp.bus.guard import Guard
from jobsapp.bus.hints import Hints
from jobsapp.bus.roster import Roster
from jobsapp.config import Settings
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit
from jobsapp.services.cleanup import Cleanup
from jobsapp.services.files import Files
from jobsapp.services.filters import Filters
from jobsapp.services.health import Health
from jobsapp.services.history import History
from jobsapp.services.identity import Identity
from jobsapp.services.job_tokens import JobTokens
from jobsapp.services.jobs import Jobs
from jobsapp.services.listing import Listing
from jobsapp.services.logins import Logins
from jobsapp.services.logs import Logs
from jobsapp.services.many_changes import ManyChanges
from jobsapp.services.presets import Presets
from jobsapp.services.questions import QuestionModels
from jobsapp.services.queues import Queues
from jobsapp.services.search import Search
from jobsapp.services.stats import Stats
from jobsapp.services.system import System
from jobsapp.services.tokens import Tokens
from jobsapp.services.views import Views
from jobsapp.services.workers import Workers
from jobsapp.storage import LocalStorage

__all__ = ["Services", "build_services"]

NO_REDIS = "redis://127.0.0.1:1"


@dataclass(frozen=True)
class Services:
    """All use cases, wired once per application."""

    settings: Settings
    registry: Registry
    jobs: Jobs
    files: Files
    views: Views
    queues: Queues
    stats: Stats
    history: History
    filters: Filters
    many: ManyChanges
    cleanup: Cleanup
    identity: Identity
    tokens: Tokens
    audit: Audit
    logins: Logins
    logs: Logs
    presets: Presets
    job_tokens: JobTokens
    health: Health
    search: Search
    system: System
    workers: Workers


def build_services(
    session: scoped_session[Session],
    settings: Settings,
    registry: Registry,
    storage: LocalStorage,
    hints: Hints,
) -> Services:
    """Wire the use cases to their collaborators."""
    files = Files(session, storage, settings.max_upload_bytes)
    looks, guard = redis_connection.looks(settings.redis_url or NO_REDIS), Guard()
    jobs = Jobs(session, registry, hints, files)
    cleanup = Cleanup(session, storage, hints)
    return Services(
        settings=settings,
        registry=registry,
        jobs=jobs,
        files=files,
        views=Views(session, hints, registry),
        queues=Queues(session, registry, hints),
        stats=Stats(session),
        history=History(session, registry),
        filters=Filters(session),
        many=ManyChanges(session, hints, files, Listing(session), cleanup),
        cleanup=cleanup,
        identity=Identity(session, hints),
        tokens=Tokens(session, hints),
        audit=Audit(session),
        logins=Logins(session, hints, timedelta(days=settings.session_days)),
        logs=Logs(session, jobs),
        presets=Presets(session, registry, files),
        job_tokens=JobTokens(session, hints),
        health=Health(session, settings.redis_url),
        search=Search(session, QuestionModels(settings)),
        system=System(session, Observer(looks, guard), settings.data_dir),
        workers=Workers(session, Roster(looks, guard)),
    )
