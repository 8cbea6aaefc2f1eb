"""The history of a job: each of its attempts, by whom, and what came of it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.models import JobAttempt
from jobsapp.services.base import Moment, View
from jobsapp.services.jobs import Jobs
from jobsapp.services.sessions import DbSession
from jobsapp.services.views import ErrorView


class AttemptView(View):
    """One run of a job."""

    number: int
    started_at: Moment
    ended_at: Moment | None
    """null: it runs."""
    outcome: str | None
    """`completed`, `failed`, `cancelled`, `handed-back` by a worker that had to stop, `died` with its process; null: it
    runs."""
    error: ErrorView | None
    worker: str | None
    """Null outside the organisation that runs the installation: the name tells the host."""
    cpu_seconds: float | None
    """Processor time that it used, processes that it started included; null: it runs, or nobody could measure it."""
    peak_bytes: int | None
    """The most memory that its process had; null for one of milliseconds."""


class AttemptPage(View):
    """Attempts, oldest first."""

    attempts: list[AttemptView]
    next_after: int | None
    """Give it as `after` for what follows; null: that was the last one so far."""


class Attempts:
    def __init__(self, session: DbSession, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs

    def page(self, actor: Actor, job_id: UUID, *, after: int = 0, limit: int) -> AttemptPage:
        """Attempts with a higher number than `after`. Raises NotFound. Tracebacks are for administrators."""
        job = self._jobs.get(actor, job_id)
        query = select(JobAttempt).where(JobAttempt.job_id == job_id, JobAttempt.number > after)
        last = job.last_attempt
        if last is not None:
            query = query.where(JobAttempt.number != last.number)
        found = list(self._session.scalars(query.order_by(JobAttempt.number).limit(limit + 1)))
        if last is not None and last.number > after:
            found.append(last)
        shown = [_view(actor, attempt) for attempt in found[:limit]]
        return AttemptPage(attempts=shown, next_after=shown[-1].number if len(found) > limit else None)


def _view(actor: Actor, attempt: JobAttempt) -> AttemptView:
    view = AttemptView.model_validate(attempt, from_attributes=True)
    if not actor.runs_installation:
        view = view.model_copy(update={"worker": None})
    if view.error is None or actor.is_admin:
        return view
    return view.model_copy(update={"error": view.error.model_copy(update={"traceback": None})})
