"""Jobs, from their files to their deletion."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.services.attempts import Attempts
from jobsapp.services.cleanup import Cleanup
from jobsapp.services.dependencies import Dependencies
from jobsapp.services.files import Files
from jobsapp.services.filters import Filters
from jobsapp.services.job_tokens import JobTokens
from jobsapp.services.jobs import Jobs
from jobsapp.services.listing import Listing
from jobsapp.services.logs import Logs
from jobsapp.services.many_changes import ManyChanges
from jobsapp.services.questions import QuestionModels
from jobsapp.services.relatives import Relatives
from jobsapp.services.retention import Retention
from jobsapp.services.search import Search
from jobsapp.services.secrets import Secrets
from jobsapp.services.trees import Trees
from jobsapp.services.uploads import Uploads
from jobsapp.services.views import Views
from jobsapp.services.wiring.given import Given
from jobsapp.storage.archives import Archives


@dataclass(frozen=True)
class JobServices:
    """Jobs, what belongs to them, and what finds or deletes them."""

    jobs: Jobs
    attempts: Attempts
    dependencies: Dependencies
    relatives: Relatives
    trees: Trees
    files: Files
    uploads: Uploads
    views: Views
    logs: Logs
    filters: Filters
    many: ManyChanges
    job_tokens: JobTokens
    secrets: Secrets
    search: Search
    cleanup: Cleanup
    retention: Retention


def build_jobs(given: Given) -> JobServices:
    session, settings, registry, hints = given.session, given.settings, given.registry, given.hints
    files = Files(session, given.storage, settings.max_upload_bytes)
    secrets = Secrets(registry, given.sealer)
    dependencies = Dependencies(session, hints)
    jobs = Jobs(session, registry, hints, files, secrets, dependencies)
    archives = Archives(settings.archive_dir)
    cleanup = Cleanup(session, given.storage, hints, archives)
    many = ManyChanges(session, hints, files, Listing(session), cleanup)
    return JobServices(
        jobs=jobs,
        attempts=Attempts(session, jobs),
        dependencies=dependencies,
        relatives=Relatives(session),
        trees=Trees(session, jobs, many),
        files=files,
        uploads=Uploads(session, files, given.storage),
        views=Views(session, hints, registry),
        logs=Logs(session, jobs),
        filters=Filters(session),
        many=many,
        job_tokens=JobTokens(session, hints),
        secrets=secrets,
        search=Search(session, QuestionModels(settings)),
        cleanup=cleanup,
        retention=Retention(session, archives, settings.retention_days),
    )
