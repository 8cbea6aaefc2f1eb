"""Cancelling all jobs of a batch, and retrying what failed: a part in each transaction.

What is not done within a few seconds of the request the advancer does, from where it is on.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import func, update

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.batches import status_of
from jobsapp.core.states import Status
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict
from jobsapp.models import Batch
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.batches import Batches
from jobsapp.services.files import Files
from jobsapp.services.job_news import tell
from jobsapp.services.jobs import REASON_LENGTH
from jobsapp.services.new_jobs import refuse_longer
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import batches as store
from jobsapp.store import jobs as moves

PART = 500
TICK_PART = 2000
REQUEST_SECONDS = 5.0


class BatchChanges:
    """`tick` is the clock that goes on with what is left."""

    def __init__(self, session: DbSession, hints: Hints, files: Files, batches: Batches) -> None:
        self._session = session
        self._hints = hints
        self._files = files
        self._batches = batches
        self._audit = Audit(session)

    def cancel(
        self, actor: Actor, batch_id: UUID, *, reason: str | None = None, seconds: float = REQUEST_SECONDS
    ) -> None:
        """Close the batch, cancel what waits and ask what runs to stop; begin with it here, for up to `seconds`.

        Raises NotFound, Forbidden, InvalidInput, and Conflict if it has ended.
        """
        refuse_faults(reason=reason)
        refuse_longer("reason", reason, REASON_LENGTH)
        batch = self._batches.get(actor, batch_id)
        actor.require_change(batch.user_id, "cancel")
        state = self._state(actor, batch_id)
        status = status_of(state.tally, closed=state.closed_at is not None)
        if status != "running":
            raise Conflict(f"The batch has ended ({status}): there is nothing to cancel.")
        self._audit.note_others(
            actor, Action.BATCH_CANCELLED, Subject("batch", batch.id, batch.name), batch.user_id, {"reason": reason}
        )
        self._begin(actor, batch_id, "cancel", reason=reason)
        self._batches.close(actor, batch_id)
        self._work(batch_id, seconds)

    def retry(self, actor: Actor, batch_id: UUID, *, cancelled: bool = False, seconds: float = REQUEST_SECONDS) -> None:
        """Put what failed, and with `cancelled` what was cancelled too, back to pending; as `cancel` does it.

        Raises NotFound, Forbidden, and Conflict if there is none, or while the batch is being cancelled.
        """
        batch = self._batches.get(actor, batch_id)
        actor.require_change(batch.user_id, "retry")
        state = self._state(actor, batch_id)
        if state.change == "cancel":
            raise Conflict("The batch is being cancelled: retry it when that is done.")
        if not state.failed + (state.cancelled if cancelled else 0):
            raise Conflict(f"No job of the batch has failed{' or was cancelled' if cancelled else ''}.")
        self._audit.note_others(
            actor, Action.BATCH_RETRIED, Subject("batch", batch.id, batch.name), batch.user_id, {"cancelled": cancelled}
        )
        self._begin(actor, batch_id, "retry", cancelled=cancelled)
        self._session.commit()
        self._work(batch_id, seconds)

    def tick(self, now: datetime) -> None:
        """Go on with one of the batches, by one part."""
        change = store.take_change(driver(self._session))
        if change is not None:
            self._part(change, TICK_PART)

    def _state(self, actor: Actor, batch_id: UUID) -> store.BatchState:
        return store.states(driver(self._session), [batch_id], organization_id=actor.organization_id)[0]

    def _begin(
        self,
        actor: Actor,
        batch_id: UUID,
        change: Literal["cancel", "retry"],
        *,
        reason: str | None = None,
        cancelled: bool = False,
    ) -> None:
        begun = {
            "change": change,
            # After whatever ended until now, whenever this transaction began.
            "change_at": func.clock_timestamp(),
            "change_after": None,
            "change_left": False,
            "change_by": actor.user_id,
            "change_reason": reason,
            "change_cancelled": cancelled,
        }
        self._session.execute(update(Batch).where(Batch.id == batch_id).values(begun))

    def _work(self, batch_id: UUID, seconds: float) -> None:
        """Until it is done, or once through and some were passed over, or the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            change = store.take_change(driver(self._session), batch_id)
            goes_on = change is not None and self._part(change, PART)
            self._session.commit()
            if not goes_on:
                return

    def _part(self, change: store.Change, limit: int) -> bool:
        """Change the next jobs. Returns whether there are more in this round."""
        connection = driver(self._session)
        jobs = store.part(connection, change.id, after=change.change_after, limit=limit)
        wanted = [one.id for one in jobs if _applies(change, one)]
        changed = self._changed(change, wanted) if wanted else []
        tell(self._session, self._hints, self._files, changed)
        left = change.change_left or len(changed) < len(wanted)
        more = len(jobs) == limit
        store.save_change(
            connection,
            change.id,
            change=change.change if more or left else None,
            after=jobs[-1].id if more else None,
            left=left and more,
        )
        return more

    def _changed(self, change: store.Change, job_ids: list[UUID]) -> list[moves.ChangedJob]:
        connection, owner = driver(self._session), change.organization_id
        if change.change == "retry":
            return moves.retry_jobs(connection, job_ids, organization_id=owner)
        return moves.cancel_jobs(
            connection, job_ids, organization_id=owner, user_id=change.change_by, reason=change.change_reason
        )


def _applies(change: store.Change, job: store.PartJob) -> bool:
    if change.change == "cancel":
        return job.status == Status.PENDING or (job.status == Status.ACTIVE and not job.stopping)
    again = (Status.FAILED, Status.CANCELLED) if change.change_cancelled else (Status.FAILED,)
    # What failed since is not what was meant: it would be retried for ever.
    return job.status in again and job.ended_at is not None and job.ended_at <= change.change_at
