"""Batches: many jobs under one name. Creating them, adding to them, closing them, and adding up what ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, InvalidInput, NotFound
from jobsapp.models import Batch, Job
from jobsapp.services.batch_callbacks import BatchCallbacks, Callback
from jobsapp.services.bulk import Added
from jobsapp.services.jobs import Jobs
from jobsapp.services.new_jobs import DESCRIPTION_LENGTH, NAME_LENGTH, NewJob, refuse_longer
from jobsapp.services.sessions import DbSession, driver
from jobsapp.storage import LocalStorage
from jobsapp.store import batches as store
from jobsapp.store import cleanup
from jobsapp.store.outbox import EndedJob

MOST_JOBS = 100_000
LOOKED_AT = 20


@dataclass(frozen=True)
class NewBatch:
    """What a caller may say of a new batch. `callbacks` by `complete`, `success`, `failure`.

    `closed`: whether more jobs may be added; None: not, if it has some.
    """

    name: str | None = None
    description: str = ""
    closed: bool | None = None
    callbacks: Mapping[str, Callback] = field(default_factory=dict)


@dataclass(frozen=True)
class CreatedBatch:
    id: UUID
    job_ids: list[UUID]
    created: bool
    """False: the idempotency key was used before."""


class Batches:
    """`absorb` is the follower of the advancer, `tick` its clock."""

    def __init__(self, session: DbSession, jobs: Jobs, callbacks: BatchCallbacks, storage: LocalStorage) -> None:
        self._session = session
        self._jobs = jobs
        self._callbacks = callbacks
        self._storage = storage

    def create(
        self,
        actor: Actor,
        new: NewBatch,
        jobs: Sequence[NewJob | InvalidInput] = (),
        *,
        idempotency_key: str | None = None,
    ) -> CreatedBatch:
        """Create a batch with its first jobs, up to 10,000, all or nothing, and commit.

        Raises Forbidden, InvalidInput as `Jobs.create_many`, and Conflict if the key was used with another request.
        """
        actor.require(Right.CREATE, "create batches")
        new = _bounded(new)
        said = self._digest(new, jobs) if idempotency_key is not None else None
        if idempotency_key is not None and (first := self._first(actor, idempotency_key, said, len(jobs))):
            return first
        self._jobs.bulk.follow(actor, jobs)
        batch_id = new_id()
        callbacks = self._callbacks.checked(actor, batch_id, new.callbacks)
        added = self._jobs.bulk.add(actor, _of_batch(jobs, batch_id)) if jobs else Added([], True)
        closed = bool(jobs) if new.closed is None else new.closed
        values = {
            "id": batch_id,
            "organization_id": actor.organization_id,
            "user_id": actor.user_id,
            "name": new.name or f"Batch of {len(jobs):,} jobs",
            "description": new.description,
            "total_jobs": len(added.ids),
            "total_weight": added.weight,
            "callbacks": callbacks,
            "callback_jobs": {},
            "idempotency_key": idempotency_key,
            "request_digest": said,
        }
        inserted = (
            insert(Batch)
            .values(values)
            .on_conflict_do_nothing(
                index_elements=["organization_id", "idempotency_key"], index_where=Batch.idempotency_key.is_not(None)
            )
        )
        if self._session.execute(inserted.returning(Batch.id)).scalar() is None:
            # Another request with this key was faster.
            self._session.rollback()
            return self._first(actor, idempotency_key or "", said, len(jobs)) or _gone()
        if closed:
            self._close(actor, batch_id)
        self._session.commit()
        return CreatedBatch(batch_id, added.ids, True)

    def add(
        self,
        actor: Actor,
        batch_id: UUID,
        jobs: Sequence[NewJob | InvalidInput],
        *,
        idempotency_key: str | None = None,
    ) -> Added:
        """Create 1 to 10,000 more jobs of a batch that is not closed, all or none, and commit.

        Raises NotFound, Forbidden, InvalidInput as `Jobs.create_many`, and Conflict if it is closed or would be larger
        than MOST_JOBS.
        """
        batch = self.get(actor, batch_id)
        actor.require_change(batch.user_id, "add jobs to")
        self._jobs.bulk.follow(actor, jobs)
        added = self._jobs.bulk.add(actor, _of_batch(jobs, batch_id), idempotency_key=idempotency_key)
        if added.created and not store.add(
            driver(self._session),
            batch_id,
            organization_id=actor.organization_id,
            jobs=len(added.ids),
            weight=added.weight,
            most=MOST_JOBS,
        ):
            self._session.rollback()
            if self.get(actor, batch_id).closed_at is not None:
                raise Conflict("The batch is closed: no more jobs can be added. Make another one.")
            raise Conflict(f"A batch may have {MOST_JOBS:,} jobs, and would have more. Make another one.")
        self._session.commit()
        return added

    def close(self, actor: Actor, batch_id: UUID) -> None:
        """Let no more jobs be added, and commit; no fault if it is closed. Raises NotFound and Forbidden."""
        batch = self.get(actor, batch_id)
        actor.require_change(batch.user_id, "close batches with")
        self._close(actor, batch_id)
        self._session.commit()

    def get(self, actor: Actor, batch_id: UUID) -> Batch:
        """Raises NotFound for a batch that does not exist or belongs to another organisation."""
        query = select(Batch).where(Batch.id == batch_id, Batch.organization_id == actor.organization_id)
        batch = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if batch is None:
            raise NotFound(f"There is no batch {batch_id}.")
        return batch

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        """Add up what ended, end batches that are closed and done, and create the jobs that follow from that."""
        for batch in store.absorb(driver(self._session), ended):
            self._callbacks.fire(batch)

    def tick(self, now: datetime) -> None:
        """Forget batches whose jobs are gone, some at a time, and the files of their results."""
        gone = store.forget(driver(self._session), limit=LOOKED_AT)
        for one in gone:
            if one.results_id is not None:
                self._forget_file(one.organization_id, one.results_id)

    def _forget_file(self, organization_id: UUID, file_id: UUID) -> None:
        """One that a job reads stays until uploads go that nobody reads."""
        if cleanup.delete_uploads(driver(self._session), [file_id], organization_id=organization_id):
            after_commit(self._session(), partial(self._storage.delete, file_id))

    def _close(self, actor: Actor, batch_id: UUID) -> None:
        counted = store.close(driver(self._session), batch_id, organization_id=actor.organization_id)
        if counted is not None:
            self._callbacks.fire(counted)

    def _first(self, actor: Actor, key: str, said: bytes | None, jobs: int) -> CreatedBatch | None:
        """What the key made first. Raises Conflict if that was another request."""
        refuse_faults(**{"Idempotency-Key": key})
        query = select(Batch).where(Batch.organization_id == actor.organization_id, Batch.idempotency_key == key)
        batch = self._session.scalars(query).one_or_none()
        if batch is None:
            return None
        if batch.request_digest != said:
            raise Conflict("This Idempotency-Key was used before with another request; use a new key.")
        first = select(Job.id).where(Job.batch_id == batch.id).order_by(Job.batch_id, Job.id).limit(jobs)
        return CreatedBatch(batch.id, list(self._session.scalars(first)) if jobs else [], False)

    def _digest(self, new: NewBatch, jobs: Sequence[NewJob | InvalidInput]) -> bytes:
        callbacks = self._jobs.bulk.digest([new.callbacks[when].new_job() for when in sorted(new.callbacks)])
        text = json.dumps([new.name, new.description, new.closed, sorted(new.callbacks)])
        return hashlib.sha256(text.encode() + callbacks + self._jobs.bulk.digest(jobs)).digest()

    def newest(self, actor: Actor, *, before: UUID | None, limit: int) -> list[UUID]:
        """Ids of the organisation's batches, newest first, older than `before`."""
        query = select(Batch.id).where(Batch.organization_id == actor.organization_id)
        if before is not None:
            query = query.where(Batch.id < before)
        return list(self._session.scalars(query.order_by(Batch.id.desc()).limit(limit)))


def _of_batch(jobs: Sequence[NewJob | InvalidInput], batch_id: UUID) -> list[NewJob | InvalidInput]:
    return [one if isinstance(one, InvalidInput) else replace(one, batch_id=batch_id) for one in jobs]


def _bounded(new: NewBatch) -> NewBatch:
    refuse_faults(name=new.name, description=new.description)
    new = replace(new, name=(new.name or "").strip() or None)
    refuse_longer("name", new.name, NAME_LENGTH)
    refuse_longer("description", new.description, DESCRIPTION_LENGTH)
    return new


def _gone() -> CreatedBatch:
    raise Conflict("The batch of this Idempotency-Key was deleted just now; use a new key.")
