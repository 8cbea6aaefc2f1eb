"""Use cases: each takes an actor, checks what they may do, changes rows and registers what leaves after COMMIT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session, scoped_session

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.bells import Bells
from jobsapp.bus.condition import Observer
from jobsapp.bus.guard import Guard
from jobsapp.bus.hints import Hints
from jobsapp.bus.rates import Rates
from jobsapp.bus.roster import Roster
from jobsapp.bus.windows import Windows
from jobsapp.config import Settings, secret_key
from jobsapp.core.sealing import sealer_of
from jobsapp.processors.registry import Registry
from jobsapp.services.attempts import Attempts
from jobsapp.services.audit import Audit
from jobsapp.services.batch_callbacks import BatchCallbacks
from jobsapp.services.batch_changes import BatchChanges
from jobsapp.services.batch_results import BatchResults
from jobsapp.services.batch_views import BatchViews
from jobsapp.services.batches import Batches
from jobsapp.services.bounds import Bounds
from jobsapp.services.browsers import Browsers
from jobsapp.services.channels import Channels
from jobsapp.services.cleanup import Cleanup
from jobsapp.services.declared import Declared
from jobsapp.services.deliveries import Deliveries
from jobsapp.services.dependencies import Dependencies
from jobsapp.services.federation import Federation
from jobsapp.services.files import Files
from jobsapp.services.filters import Filters
from jobsapp.services.firing import Firing
from jobsapp.services.health import Health
from jobsapp.services.history import History
from jobsapp.services.identity import Identity
from jobsapp.services.inputs import Inputs
from jobsapp.services.job_tokens import JobTokens
from jobsapp.services.jobs import Jobs
from jobsapp.services.limits import Limits
from jobsapp.services.listing import Listing
from jobsapp.services.logins import Logins
from jobsapp.services.logs import Logs
from jobsapp.services.many_changes import ManyChanges
from jobsapp.services.members import Members
from jobsapp.services.memberships import Memberships
from jobsapp.services.notification_rules import NotificationRules
from jobsapp.services.notification_words import NotificationWords
from jobsapp.services.notifications import Notifications
from jobsapp.services.organizations import Organizations
from jobsapp.services.passwords import Passwords
from jobsapp.services.presets import Presets
from jobsapp.services.questions import QuestionModels
from jobsapp.services.queues import Queues
from jobsapp.services.relatives import Relatives
from jobsapp.services.retention import Retention
from jobsapp.services.schedules import Schedules
from jobsapp.services.search import Search
from jobsapp.services.secrets import Secrets
from jobsapp.services.stats import Stats
from jobsapp.services.system import System
from jobsapp.services.throttle import Throttle
from jobsapp.services.tokens import Tokens
from jobsapp.services.trees import Trees
from jobsapp.services.unsubscribing import Unsubscribing
from jobsapp.services.uploads import Uploads
from jobsapp.services.views import Views
from jobsapp.services.workers import Workers
from jobsapp.services.workflow_runs import WorkflowRuns
from jobsapp.services.workflows import Workflows
from jobsapp.storage import LocalStorage
from jobsapp.storage.archives import Archives

__all__ = ["Services", "build_services"]

NO_REDIS = "redis://127.0.0.1:1"


@dataclass(frozen=True)
class Services:
    """All use cases, wired once per application."""

    settings: Settings
    registry: Registry
    bounds: Bounds
    jobs: Jobs
    dependencies: Dependencies
    relatives: Relatives
    trees: Trees
    batches: Batches
    batch_changes: BatchChanges
    batch_results: BatchResults
    batch_views: BatchViews
    secrets: Secrets
    files: Files
    views: Views
    queues: Queues
    limits: Limits
    stats: Stats
    history: History
    filters: Filters
    many: ManyChanges
    cleanup: Cleanup
    retention: Retention
    notifications: Notifications
    channels: Channels
    notification_rules: NotificationRules
    deliveries: Deliveries
    notification_words: NotificationWords
    unsubscribing: Unsubscribing
    identity: Identity
    memberships: Memberships
    members: Members
    organizations: Organizations
    tokens: Tokens
    audit: Audit
    logins: Logins
    browsers: Browsers
    passwords: Passwords
    federation: Federation
    throttle: Throttle
    logs: Logs
    presets: Presets
    schedules: Schedules
    firing: Firing
    declared: Declared
    job_tokens: JobTokens
    health: Health
    search: Search
    system: System
    workers: Workers
    attempts: Attempts
    uploads: Uploads
    bells: Bells
    rates: Rates
    workflows: Workflows
    workflow_runs: WorkflowRuns


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
    secrets = Secrets(registry, sealer := lambda: sealer_of(secret_key(settings)))
    dependencies = Dependencies(session, hints)
    jobs = Jobs(session, registry, hints, files, secrets, dependencies)
    batches = Batches(session, jobs, BatchCallbacks(session, registry, jobs, Inputs(session, files)), storage)
    firing = Firing(session, jobs, secrets, hints)
    workflows = Workflows(session, registry, hints, jobs)
    identity, memberships = Identity(session, hints), Memberships(session, hints)
    throttle = Throttle(Windows(looks, guard))
    archives = Archives(settings.archive_dir)
    cleanup = Cleanup(session, storage, hints, archives)
    many = ManyChanges(session, hints, files, Listing(session), cleanup)
    return Services(
        settings=settings,
        registry=registry,
        bounds=Bounds(session),
        jobs=jobs,
        dependencies=dependencies,
        relatives=Relatives(session),
        trees=Trees(session, jobs, many),
        batches=batches,
        batch_changes=BatchChanges(session, hints, files, batches),
        batch_results=BatchResults(session, files, batches),
        batch_views=BatchViews(session, batches, files),
        secrets=secrets,
        files=files,
        views=Views(session, hints, registry),
        queues=Queues(session, registry, hints),
        limits=Limits(session, registry, hints),
        stats=Stats(session),
        history=History(session, registry),
        filters=Filters(session),
        many=many,
        cleanup=cleanup,
        identity=identity,
        tokens=Tokens(session, hints),
        audit=Audit(session, sealer),
        memberships=memberships,
        members=Members(session, identity, memberships),
        organizations=Organizations(session, identity, memberships),
        retention=Retention(session, archives, settings.retention_days),
        notifications=Notifications(session, settings.base_url),
        channels=Channels(session, sealer, settings),
        notification_rules=NotificationRules(session),
        deliveries=Deliveries(session),
        notification_words=NotificationWords(session),
        unsubscribing=Unsubscribing(session, sealer),
        logins=Logins(session, hints, timedelta(days=settings.session_days)),
        browsers=Browsers(session, hints),
        passwords=Passwords(session, hints, identity, throttle),
        federation=Federation(session, identity, settings, hints),
        throttle=throttle,
        logs=Logs(session, jobs),
        presets=Presets(session, registry, files, workflows),
        schedules=Schedules(session, registry, Inputs(session, files), secrets, firing, jobs.admissions),
        firing=firing,
        declared=Declared(session, registry, Inputs(session, files), secrets, jobs.admissions),
        job_tokens=JobTokens(session, hints),
        health=Health(session, settings.redis_url),
        search=Search(session, QuestionModels(settings)),
        system=System(session, Observer(looks, guard), settings.data_dir),
        workers=Workers(session, Roster(looks, guard)),
        attempts=Attempts(session, jobs),
        uploads=Uploads(session, files, storage),
        # Each holds a thread, and others have requests too.
        bells=Bells(settings.web_threads // 2),
        rates=Rates(settings.redis_url or NO_REDIS),
        workflows=workflows,
        workflow_runs=WorkflowRuns(session, jobs, files, secrets),
    )
