"""The jobs of a workflow's steps, made on behalf of who started it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.core.masks import Mask
from jobsapp.core.sealing import CannotOpen
from jobsapp.core.workflows import Definition
from jobsapp.core.workflows.definition import Tries
from jobsapp.core.workflows.plan import Start
from jobsapp.core.workflows.secrets import given, handed
from jobsapp.errors import Conflict, Forbidden, JobsappError
from jobsapp.models import Job, Membership, User
from jobsapp.services.actors import actor_of, actors
from jobsapp.services.job_times import RetryChanges
from jobsapp.services.jobs import Jobs
from jobsapp.services.new_jobs import NAME_LENGTH, NewJob
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession

OTHER_KEY = (
    "The secrets of this workflow cannot be read here: they were sealed with another secret key. Give web and keeper "
    "the same JOBSAPP_SECRET_KEY, or the same data folder, and start it again."
)


class StepJobs:
    def __init__(self, session: DbSession, jobs: Jobs, secrets: Secrets) -> None:
        self._session = session
        self._jobs = jobs
        self._secrets = secrets

    def add(self, run: Job, definition: Definition, start: Start) -> UUID:
        """Make the job of a step, in the caller's transaction. Raises as `Jobs.create`, and Forbidden if nobody is
        left who may make it. What is told of a fault has no secret in it."""
        secrets = self._secrets_of(run) if handed(definition.input, start.task.input) else {}
        try:
            return self._add(run, definition, start, given(start.task.input, definition.input, start.data, secrets))
        except JobsappError as error:
            error.detail = Mask(secrets.values()).text(error.detail)
            raise

    def _add(self, run: Job, definition: Definition, start: Start, data: Any) -> UUID:
        task = start.task
        new = NewJob(
            type=task.type,
            data=data,
            name=_name(run, definition, start)[:NAME_LENGTH],
            priority=run.priority if task.priority is None else task.priority,
            max_attempts=None if task.retry is None else task.retry.attempts,
            timeout_seconds=task.timeout_seconds,
            retry=_changes(task.retry),
            followed=True,
            of_workflow=True,
        )
        job_id = self._jobs.add(self._owner(run), new)
        if job_id is None:
            raise Conflict("The job of this step is there already.")
        return job_id

    def _secrets_of(self, run: Job) -> dict[str, str]:
        try:
            return self._secrets.of_run(run)
        except CannotOpen:
            raise Conflict(OTHER_KEY) from None

    def _owner(self, run: Job) -> Actor:
        query = actors().where(User.id == run.user_id, Membership.organization_id == run.organization_id)
        row = self._session.execute(query).one_or_none()
        if row is None:
            raise Forbidden("Whoever started the workflow is no member of the organisation any more.")
        return actor_of(row)


def _name(run: Job, definition: Definition, start: Start) -> str:
    undone = start.place.undone
    key = undone or start.place.key
    title = start.task.title or definition.steps[key].title or key
    numbered = f" {start.place.item + 1}" if start.place.item >= 0 else ""
    return f"{run.name[:120]} · {'undo ' if undone else ''}{title}{numbered}"


def _changes(tries: Tries | None) -> RetryChanges | None:
    if tries is None:
        return None
    return RetryChanges(tries.first_seconds, tries.factor, tries.ceiling_seconds, tries.jitter)
