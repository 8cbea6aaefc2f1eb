"""Jobs that a batch lets run when it is complete, when all of it succeeded, or when one of its jobs failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.core.batches import due_callbacks
from jobsapp.errors import FieldError, InvalidInput, JobsappError
from jobsapp.models import Job, Membership, User
from jobsapp.processors.registry import Registry
from jobsapp.processors.secrets import secrets_of
from jobsapp.services.actors import actor_of, actors
from jobsapp.services.inputs import Inputs, files_of
from jobsapp.services.jobs import Jobs
from jobsapp.services.new_jobs import NewJob, bounded, installed
from jobsapp.services.sessions import DbSession, driver, is_away
from jobsapp.store import batches as store

log = logging.getLogger(__name__)

BATCH_ID = "$batchId"
"""Stands for the id of the batch in the texts of a callback's data."""
OWNER_GONE = "Whose batch it is may not create jobs here any more."


@dataclass(frozen=True)
class Callback:
    """A job to be made later, on behalf of the batch's owner."""

    type: str
    data: Any
    name: str | None = None
    description: str = ""
    priority: int = 0

    def new_job(self) -> NewJob:
        return NewJob(self.type, self.data, self.name, self.description, self.priority)


class BatchCallbacks:
    def __init__(self, session: DbSession, registry: Registry, jobs: Jobs, inputs: Inputs) -> None:
        self._session = session
        self._registry = registry
        self._jobs = jobs
        self._inputs = inputs

    def checked(self, actor: Actor, batch_id: UUID, wanted: Mapping[str, Callback]) -> dict[str, Any]:
        """As they are kept with the batch. Raises InvalidInput naming the field, as `onSuccess.data.text`."""
        return {when: self._checked(actor, batch_id, when, one) for when, one in wanted.items()}

    def fire(self, batch: store.Counted) -> None:
        """Create the jobs whose time has come, each once. The transaction holds the batch's row, and its COMMIT is the
        caller's. What cannot be created is noted with the batch, and holds up nothing."""
        due = due_callbacks(batch.tally, ended=batch.ended, made=batch.callback_jobs)
        due = [when for when in due if when in batch.callbacks]
        if not due:
            return
        owner = self._owner(batch)
        made = {when: self._made(owner, Callback(**batch.callbacks[when])) for when in due}
        store.save_callbacks(driver(self._session), batch.id, batch.callback_jobs | made)

    def _made(self, owner: Actor | None, callback: Callback) -> dict[str, str]:
        try:
            with self._session.begin_nested():
                job_id = None if owner is None else self._jobs.add(owner, callback.new_job())
        except JobsappError as error:
            return {"error": error.detail}
        except Exception as error:
            if is_away(error):
                raise
            # The type's own code may fail at anything, and the batch has ended all the same.
            log.exception("a job that follows a batch could not be created")
            return {"error": "It could not be created; the log of the keeper says why."}
        return {"error": OWNER_GONE} if job_id is None else {"id": str(job_id)}

    def _owner(self, batch: store.Counted) -> Actor | None:
        member = actors().where(User.id == batch.user_id, Membership.organization_id == batch.organization_id)
        row = self._session.execute(member).one_or_none()
        return None if row is None else actor_of(row)

    def _checked(self, actor: Actor, batch_id: UUID, when: str, callback: Callback) -> dict[str, Any]:
        try:
            new = bounded(callback.new_job())
            data = _filled(new.data, str(batch_id))
            model = installed(self._registry, new.type).validate(data)
            if admit := self._jobs.admissions.get(new.type):
                admit(actor, model)
            files_of(model, self._inputs.names(actor, [model]))
            if secrets_of(model):
                raise InvalidInput.of("data", "may hold no secret: it is kept until the batch ends.")
        except InvalidInput as error:
            field = f"on{when.capitalize()}"
            faults = tuple(FieldError(f"{field}.{one.field}".rstrip("."), one.message) for one in error.errors)
            raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in faults), errors=faults) from None
        return asdict(Callback(new.type, data, new.name, new.description, new.priority))


def existing(session: DbSession, job_ids: list[UUID]) -> set[UUID]:
    """Those of these callbacks' jobs that are still there."""
    return set(session.scalars(select(Job.id).where(Job.id.in_(job_ids)))) if job_ids else set()


def _filled(value: Any, batch_id: str) -> Any:
    if isinstance(value, str):
        return value.replace(BATCH_ID, batch_id)
    if isinstance(value, list):
        return [_filled(one, batch_id) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, batch_id) for key, one in value.items()}
    return value
