"""Creating, finding, cancelling and retrying jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.events import Event, JobChanged, event_for
from jobsapp.core.filters import JobFilter
from jobsapp.core.rights import Right
from jobsapp.core.states import Status
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Job
from jobsapp.processors.registry import JobType, Registry
from jobsapp.services.audit import Audit
from jobsapp.services.bulk import MAX_JOBS, Admissions, Bulk
from jobsapp.services.dependencies import Dependencies
from jobsapp.services.files import Files
from jobsapp.services.inputs import Inputs, files_of
from jobsapp.services.job_reads import PAGE, JobReads, JobState, may_read
from jobsapp.services.job_times import LARGEST_FACTOR, LONGEST_SECONDS, RetryChanges
from jobsapp.services.new_jobs import (
    DESCRIPTION_LENGTH,
    MAX_ATTEMPTS,
    MAX_PARENTS,
    NAME_LENGTH,
    PRIORITY_BOUND,
    REF_LENGTH,
    NewJob,
    alone,
    bounded,
    clock,
    digest,
    installed,
    parent_ids,
    refuse_longer,
    row,
)
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import jobs as store
from jobsapp.store.dependencies import CANCEL

__all__ = [
    "DESCRIPTION_LENGTH",
    "LARGEST_FACTOR",
    "LONGEST_SECONDS",
    "MAX_ATTEMPTS",
    "MAX_JOBS",
    "MAX_PARENTS",
    "NAME_LENGTH",
    "PAGE",
    "PRIORITY_BOUND",
    "REASON_LENGTH",
    "REF_LENGTH",
    "JobFilter",
    "JobState",
    "Jobs",
    "NewJob",
    "RetryChanges",
    "may_read",
]

REASON_LENGTH = 500


class Jobs(JobReads):
    """Reads them, and changes them."""

    def __init__(
        self,
        session: DbSession,
        registry: Registry,
        hints: Hints,
        files: Files,
        secrets: Secrets,
        dependencies: Dependencies,
    ) -> None:
        super().__init__(session)
        self._registry = registry
        self._files = files
        self._hints = hints
        self._inputs = Inputs(session, files)
        self._secrets = secrets
        self._dependencies = dependencies
        self._audit = Audit(session)
        self.admissions: Admissions = {}
        self.bulk = Bulk(session, registry, hints, self._inputs, secrets, dependencies, self.admissions)

    def create(self, actor: Actor, new: NewJob, *, idempotency_key: str | None = None) -> tuple[Job, bool]:
        """Create a job and commit. Returns it and True, or, if the key was used before, the first one and False.

        Raises Forbidden, InvalidInput naming the field at fault, Conflict if the key was used with another request, and
        NotFound for a job `secrets_of` that there is not.
        """
        actor.require(Right.CREATE, "create jobs")
        new = alone(bounded(new))
        # Before all that may have changed since the first request: its files may be gone by now.
        first = None if idempotency_key is None else self._first(actor, idempotency_key, new)
        if first is not None:
            return first, False
        if parents := parent_ids(new):
            self._dependencies.follow(actor, parents)
        job_id = self.add(actor, new, idempotency_key=idempotency_key)
        if job_id is None:
            # Another request with this key was faster.
            first = self._first(actor, idempotency_key or "", new)
            if first is None:
                raise Conflict("The job of this Idempotency-Key was deleted just now; use a new key.")
            return first, False
        self._session.commit()
        return self.get(actor, job_id), True

    def add(self, actor: Actor, new: NewJob, *, idempotency_key: str | None = None) -> UUID | None:
        """As `create`, in the transaction of the caller, who commits. None: the key was used before.

        What it depends on is followed already. Raises as `create`; then nothing was written, and the transaction
        stands, but for a Conflict because a job that it depends on was deleted just now: then roll back.
        """
        actor.require(Right.CREATE, "create jobs")
        new = alone(bounded(new))
        job_type = installed(self._registry, new.type)
        data = job_type.validate(self._with_secrets(actor, job_type, new))
        if admit := self.admissions.get(job_type.name):
            admit(actor, data)
        files = files_of(data, self._inputs.names(actor, [data]))
        job = row(actor, new, job_type, data, list(files.values()), clock(self._session, [new]), self._secrets)
        job["run_at"] = func.now() if new.run_at is None else func.greatest(new.run_at, func.now())
        if idempotency_key is not None:
            job["idempotency_key"] = idempotency_key
            job["request_digest"] = digest(new, self._secrets)
        if not self._insert(actor, job, data, files):
            return None
        policy = new.on_parent_failure or CANCEL
        blockers = self._dependencies.add(actor, [(job["id"], parent, policy) for parent in parent_ids(new)])
        store.enqueue(driver(self._session), [job["id"]], blockers=blockers)
        self._announce(Event.CREATED, job["id"], actor.organization_id, 1)
        after_commit(self._session(), partial(self._hints.wake, job_type.queue))
        return cast(UUID, job["id"])

    def _insert(self, actor: Actor, job: dict[str, Any], data: BaseModel, files: Mapping[UUID, str]) -> bool:
        """Insert the job and hold its files. False: its idempotency key is there. Raises InvalidInput for a file that
        a cleanup deleted a moment ago."""
        statement = (
            insert(Job)
            .values(job)
            .on_conflict_do_nothing(
                index_elements=["organization_id", "idempotency_key"],
                index_where=Job.idempotency_key.is_not(None),
            )
        )
        if not files:
            return self._session.execute(statement.returning(Job.id)).scalar() is not None
        try:
            with self._session.begin_nested():
                if self._session.execute(statement.returning(Job.id)).scalar() is None:
                    return False
                self._inputs.hold((file_id, job["id"]) for file_id in files)
        except IntegrityError:
            files_of(data, self._inputs.names(actor, [data]))
            raise
        return True

    def create_many(
        self, actor: Actor, jobs: Sequence[NewJob | InvalidInput], *, idempotency_key: str | None = None
    ) -> tuple[list[UUID], bool]:
        """Create 1 to MAX_JOBS jobs, all or none, and commit: see `Bulk.create`. Raises Forbidden."""
        actor.require(Right.CREATE, "create jobs")
        return self.bulk.create(actor, jobs, idempotency_key=idempotency_key)

    def cancel(self, actor: Actor, job_id: UUID, *, reason: str | None = None) -> Job:
        """Cancel a pending job at once; ask an active one to stop. Raises Forbidden, and Conflict if it is finished."""
        refuse_faults(reason=reason)
        refuse_longer("reason", reason, REASON_LENGTH)
        job = self.get(actor, job_id)
        actor.require_change(job.user_id, "cancel")
        changed = store.cancel_job(driver(self._session), job_id, user_id=actor.user_id, reason=reason)
        if changed is None:
            raise Conflict(f"The job is {job.status}: only a pending or active job can be cancelled.")
        if changed.status == Status.CANCELLED:
            after_commit(self._session(), partial(self._files.forget_kept, job_id))
        self._audit.note_job(actor, Action.JOB_CANCELLED, job, {"reason": reason})
        return self._changed(actor, changed)

    def retry(self, actor: Actor, job_id: UUID) -> Job:
        """Put a failed or cancelled job back to pending with a fresh allowance. Raises Forbidden and Conflict."""
        job = self.get(actor, job_id)
        actor.require_change(job.user_id, "retry")
        changed = store.retry_job(driver(self._session), job_id)
        if changed is None:
            raise Conflict(f"The job is {job.status}: only a failed or cancelled job can be retried.")
        after_commit(self._session(), partial(self._hints.wake, changed.queue))
        self._audit.note_job(actor, Action.JOB_RETRIED, job)
        return self._changed(actor, changed)

    def _with_secrets(self, actor: Actor, job_type: JobType, new: NewJob) -> Any:
        """What the request gives, with the secrets of the job that it names."""
        if new.secrets_of is None:
            return new.data
        return self._secrets.taken(actor, job_type, new.data, self.get(actor, new.secrets_of))

    def _changed(self, actor: Actor, changed: store.ChangedJob) -> Job:
        event = event_for(changed.status)
        self._announce(event, changed.id, changed.organization_id, changed.revision)
        self._session.commit()
        return self.get(actor, changed.id)

    def _announce(self, event: Event, job_id: UUID, organization_id: UUID, revision: int) -> None:
        change = JobChanged(job_id, organization_id, event, revision)
        after_commit(self._session(), partial(self._hints.publish, [change]))

    def _first(self, actor: Actor, key: str, new: NewJob) -> Job | None:
        """The job that used the key first. Raises Conflict if that was another request."""
        refuse_faults(**{"Idempotency-Key": key})
        query = self._visible(actor).where(Job.idempotency_key == key).options(selectinload(Job.artifacts))
        job = self._session.scalars(query).one_or_none()
        if job is not None and job.request_digest != digest(new, self._secrets):
            raise Conflict("This Idempotency-Key was used before with another request; use a new key.")
        return job
