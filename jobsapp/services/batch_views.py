"""A batch as the outside sees it: the same object for JSON and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.core.batches import CALLBACKS, BatchStatus, Pace, drawn, eta_seconds, percentage, shares, status_of
from jobsapp.errors import NotFound
from jobsapp.services.base import Moment, View
from jobsapp.services.batch_callbacks import existing
from jobsapp.services.batches import Batches
from jobsapp.services.files import Files
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.views import ArtifactView, artifact_view
from jobsapp.store import batches as store

PAGE = 25
FAILED_LOOKED_AT = 10_000
KINDS = 20


class BatchCounts(View):
    """How many of its jobs are in each state."""

    pending: int
    active: int
    completed: int
    failed: int
    cancelled: int


class BatchShares(View):
    """What of `percentage` comes of jobs in each state; together they are `percentage`."""

    completed: float
    failed: float
    cancelled: float
    active: float


class BatchCallbackView(View):
    """A job that the batch lets run, and the job that was made of it."""

    on: Literal["complete", "success", "failure"]
    type: str
    name: str | None
    job_id: UUID | None
    """Null: its time has not come, or it could not be created."""
    job_exists: bool
    """False too if the job was deleted."""
    error: str | None
    """Why it could not be created."""


class BatchView(View):
    id: UUID
    name: str
    description: str
    status: BatchStatus
    """`running` until the batch is closed and all its jobs have ended; then `failed` if one failed, else `cancelled` if
    one was cancelled, else `completed`."""
    counts: BatchCounts
    total_jobs: int
    total_weight: float
    """What its jobs are expected to cost, together."""
    percentage: float
    """How much of the weight is done, from 0 to 100, with what the running jobs have done; 100 at the end only."""
    shares: BatchShares
    eta_seconds: int | None
    """What is left at the pace of the last minute or two; null when that is not known."""
    created_at: Moment
    closed_at: Moment | None
    """Since then no more jobs may be added."""
    ended_at: Moment | None
    user_id: UUID | None
    organization_id: UUID
    changing: Literal["cancel", "retry"] | None
    """What is being done to all its jobs right now."""
    cancel_reason: str | None
    callbacks: list[BatchCallbackView]
    results: ArtifactView | None
    """What came of its jobs, as a file of JSON Lines."""
    results_at: Moment | None
    """When that was collected."""

    @property
    def parts(self) -> list[tuple[str, float, float]]:
        """The bar: each state, where its part begins and how wide it is, in per cent."""
        named = self.shares.model_dump()
        return [(state, *place) for state, place in zip(named, drawn(list(named.values())), strict=True)]

    @property
    def finished(self) -> bool:
        return self.status != "running"

    @property
    def retryable(self) -> bool:
        return self.counts.failed > 0 and self.changing is None


class FailureView(View):
    """Jobs that failed alike: with the same type of error, and a message that differs in numbers at most."""

    type: str
    message: str
    """Of the last of them."""
    jobs: int
    job_id: UUID
    """The last of them."""


class BatchViews:
    def __init__(self, session: DbSession, batches: Batches, files: Files) -> None:
        self._session = session
        self._batches = batches
        self._files = files

    def get(self, actor: Actor, batch_id: UUID) -> BatchView:
        """Raises NotFound for a batch that does not exist or belongs to another organisation."""
        found = self._of(actor, [batch_id])
        if not found:
            raise NotFound(f"There is no batch {batch_id}.")
        return found[0]

    def page(
        self, actor: Actor, *, before: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[BatchView], UUID | None]:
        """The organisation's batches, newest first, and the id to give as `before` for the next page; None: no more."""
        ids = self._batches.newest(actor, before=before, limit=limit + 1)
        found = self._of(actor, ids[:limit]) if ids else []
        return found, ids[limit - 1] if len(ids) > limit else None

    def failures(self, actor: Actor, batch_id: UUID) -> list[FailureView]:
        """Why jobs failed: the most frequent kinds, among the FAILED_LOOKED_AT newest. Raises NotFound."""
        self._batches.get(actor, batch_id)
        connection, owner = driver(self._session), actor.organization_id
        groups = store.failures(connection, batch_id, organization_id=owner, most=FAILED_LOOKED_AT, limit=KINDS)
        return [FailureView.model_validate(one, from_attributes=True) for one in groups]

    def _of(self, actor: Actor, batch_ids: Sequence[UUID]) -> list[BatchView]:
        states = store.states(driver(self._session), batch_ids, organization_id=actor.organization_id)
        files = self._files.find(actor, [one.results_id for one in states if one.results_id is not None])
        results = {file.id: artifact_view(file) for file in files}
        made = [UUID(one["id"]) for state in states for one in state.callback_jobs.values() if "id" in one]
        there = existing(self._session, made)
        return [_view(one, results.get(one.results_id) if one.results_id else None, there) for one in states]


def _view(state: store.BatchState, results: ArtifactView | None, jobs: set[UUID]) -> BatchView:
    tally = state.tally
    status = status_of(tally, closed=state.closed_at is not None)
    finished, done = status != "running", state.ended_weight + state.active_weight
    usual = state.total_weight / state.total_jobs if state.total_jobs else 1.0
    pace = Pace(state.ended_weight - state.paced_weight, state.paced_at, state.counted_at, usual)
    left = max(0.0, state.total_weight - done)
    far = percentage(done, state.total_weight, finished=finished)
    weights = (state.completed_weight, state.failed_weight, state.cancelled_weight, state.active_weight)
    completed, failed, cancelled, active = shares(far, weights)
    return BatchView(
        id=state.id,
        name=state.name,
        description=state.description,
        status=status,
        counts=BatchCounts(
            pending=tally.pending,
            active=tally.active,
            completed=tally.completed,
            failed=tally.failed,
            cancelled=tally.cancelled,
        ),
        total_jobs=state.total_jobs,
        total_weight=state.total_weight,
        percentage=far,
        shares=BatchShares(completed=completed, failed=failed, cancelled=cancelled, active=active),
        eta_seconds=None if finished else eta_seconds(left, pace, now=state.now, active=tally.active),
        created_at=state.created_at,
        closed_at=state.closed_at,
        ended_at=state.ended_at if finished else None,
        user_id=state.user_id,
        organization_id=state.organization_id,
        changing=state.change,
        cancel_reason=state.change_reason,
        callbacks=[_callback(state, when, jobs) for when in CALLBACKS if when in state.callbacks],
        results=results,
        results_at=state.results_at if results else None,
    )


def _callback(state: store.BatchState, when: str, jobs: set[UUID]) -> BatchCallbackView:
    wanted, made = state.callbacks[when], state.callback_jobs.get(when, {})
    job_id = UUID(made["id"]) if "id" in made else None
    return BatchCallbackView(
        on=when,
        type=wanted["type"],
        name=wanted["name"],
        job_id=job_id,
        job_exists=job_id in jobs,
        error=made.get("error"),
    )
