"""Use cases: each takes an actor, checks what they may do, changes rows and registers what leaves after COMMIT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session, scoped_session

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.processors.registry import Registry
from jobsapp.services.cleanup import Cleanup
from jobsapp.services.files import Files
from jobsapp.services.health import Health
from jobsapp.services.identity import Identity
from jobsapp.services.job_tokens import JobTokens
from jobsapp.services.jobs import Jobs
from jobsapp.services.logins import Logins
from jobsapp.services.questions import QuestionModels
from jobsapp.services.queues import Queues
from jobsapp.services.search import Search
from jobsapp.services.stats import Stats
from jobsapp.services.views import Views
from jobsapp.storage import LocalStorage

__all__ = ["Services", "build_services"]


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
    cleanup: Cleanup
    identity: Identity
    logins: Logins
    job_tokens: JobTokens
    health: Health
    search: Search


def build_services(
    session: scoped_session[Session],
    settings: Settings,
    registry: Registry,
    storage: LocalStorage,
    hints: Hints,
) -> Services:
    """Wire the use cases to their collaborators."""
    files = Files(session, storage, settings.max_upload_bytes)
    return Services(
        settings=settings,
        registry=registry,
        jobs=Jobs(session, registry, hints, files),
        files=files,
        views=Views(session, hints, registry),
        queues=Queues(session, registry, hints),
        stats=Stats(session, hints, registry),
        cleanup=Cleanup(session, storage),
        identity=Identity(session),
        logins=Logins(session, hints, timedelta(days=settings.session_days)),
        job_tokens=JobTokens(session, hints),
        health=Health(session, settings.redis_url),
        search=Search(session, QuestionModels(settings)),
    )
