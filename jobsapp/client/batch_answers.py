"""What the server answers about batches: see `answers`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from jobsapp.client.answers import Answer, Artifact


class BatchCounts(Answer, frozen=True, kw_only=True):
    """How many jobs of a batch are in each state."""

    pending: int
    active: int
    completed: int
    failed: int
    cancelled: int


class BatchShares(Answer, frozen=True, kw_only=True):
    """What of a batch's `percentage` comes of jobs in each state."""

    completed: float
    failed: float
    cancelled: float
    active: float


class BatchCallback(Answer, frozen=True, kw_only=True):
    """A job that a batch lets run on `complete`, `success` or `failure`, and what was made of it."""

    on: str
    type: str
    name: str | None = None
    job_id: UUID | None = None
    job_exists: bool = False
    error: str | None = None


class BatchFailure(Answer, frozen=True, kw_only=True):
    """One way in which jobs of a batch failed: how many, and one of them."""

    jobs: int
    type: str
    message: str
    job_id: UUID


class BatchFailures(Answer, frozen=True, kw_only=True):
    failures: tuple[BatchFailure, ...]


class Batch(Answer, frozen=True, kw_only=True):
    """Many jobs under one name. `percentage` is of what they are expected to cost."""

    id: UUID
    name: str
    description: str
    status: Literal["running", "completed", "failed", "cancelled"]
    counts: BatchCounts
    total_jobs: int
    total_weight: float
    percentage: float
    shares: BatchShares
    eta_seconds: int | None = None
    created_at: datetime
    closed_at: datetime | None = None
    ended_at: datetime | None = None
    user_id: UUID | None = None
    organization_id: UUID
    changing: str | None = None
    cancel_reason: str | None = None
    callbacks: tuple[BatchCallback, ...] = ()
    results: Artifact | None = None
    results_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """It is closed, and all its jobs have ended."""
        return self.status != "running"


class BatchPage(Answer, frozen=True, kw_only=True):
    """Some batches, newest first."""

    batches: tuple[Batch, ...]
    next_cursor: str | None = None


class CreatedBatch(Answer, frozen=True, kw_only=True):
    """A batch that was created, and the ids of its first jobs."""

    batch: Batch
    ids: tuple[UUID, ...]
