"""Why a pending job does not run yet, in words and as a code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from uuid import UUID

from pydantic import Field

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.events import Event, JobChanged
from jobsapp.models import Job
from jobsapp.services.base import Moment, View
from jobsapp.services.relatives import Kin
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.jobs import PLACES_COUNTED
from jobsapp.store.limits import LimitState, in_the_way
from jobsapp.store.queues import Pause, front

# So many jobs hear at once that there is another reason; the others show it when they are read.
TOLD_AT_ONCE = 500


class WaitingView(View):
    """Why a pending job does not run yet."""

    code: Literal["worker", "start-time", "retry", "no-worker", "paused-queue", "limit", "dependencies"]
    text: str
    place: int | None = None
    """Its place in the queue among the jobs of its organisation, from 1, when it waits for a free worker; null when
    over a thousand are before it. Organisations take turns, and how many jobs the others have is not told."""
    until: Moment | None = None
    """When it starts, is tried again, or may start as far as a limit of starts is concerned; null: not known."""
    since: Moment | None = None
    """Since when its queue is paused."""
    jobs: list[UUID] = Field(default_factory=list)
    """The first three of the jobs that it waits for."""


@dataclass(frozen=True)
class Around:
    """What keeps jobs waiting, asked once for all of them. `listening`: workers by queue; None: not known."""

    pauses: Mapping[str, Pause] = field(default_factory=dict)
    limits: Sequence[LimitState] = ()
    listening: Mapping[str, int] | None = None
    places: Mapping[UUID, int] = field(default_factory=dict)


def waiting_view(job: Job, now: datetime, around: Around, kin: Kin | None = None) -> WaitingView:
    """The first reason that holds: other jobs, its time, its queue, nobody listening, a limit, those before it."""
    if kin is not None and kin.waits:
        return _depends(job, kin)
    if job.run_at > now:
        return _not_due(job)
    if pause := around.pauses.get(job.queue):
        return WaitingView(code="paused-queue", text=_paused(job, pause), since=pause.at)
    if around.listening is not None and not around.listening.get(job.queue):
        return WaitingView(code="no-worker", text=f"No worker listens on the queue {job.queue}")
    if limit := in_the_way(around.limits, job.queue, job.type, job.organization_id):
        return _limited(limit)
    ahead = around.places.get(job.id)
    if ahead is None or ahead >= PLACES_COUNTED:
        return WaitingView(code="worker", text="Waits for a free worker")
    line = "in the organisation's line"
    text = f"Next {line}" if ahead == 0 else f"Waits for a free worker, at most {ahead} before it {line}"
    return WaitingView(code="worker", text=text, place=ahead + 1)


def tell_front(session: DbSession, hints: Hints, queue: str) -> None:
    """Have those who watch read anew why the first jobs of the queue wait, after COMMIT. The jobs themselves do not
    change."""
    changes = [
        JobChanged(job.id, job.organization_id, Event.UPDATE, job.revision)
        for job in front(driver(session), queue, limit=TOLD_AT_ONCE)
    ]
    if changes:
        after_commit(session(), partial(hints.publish, changes))


def _depends(job: Job, kin: Kin) -> WaitingView:
    text = "Waits for the job it depends on"
    if job.depends_on_count > 1:
        text = f"Waits for {kin.waits:,} of {job.depends_on_count:,} jobs it depends on"
    return WaitingView(code="dependencies", text=text, jobs=kin.waited)


def _not_due(job: Job) -> WaitingView:
    if job.error is not None and job.attempts > job.max_attempts - job.allowance:
        text = f"Attempt {job.attempts + 1} of {job.max_attempts} is due"
        return WaitingView(code="retry", text=text, until=job.run_at)
    return WaitingView(code="start-time", text="Waits for its start time", until=job.run_at)


def _paused(job: Job, pause: Pause) -> str:
    """Who paused it and why is said only inside the organisation that runs the installation."""
    at_home = job.organization_id == pause.home_id
    known = at_home and pause.email and pause.home_id in (pause.organization_ids or ())
    who = pause.email if known else "an administrator"
    since = pause.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    said = f": {pause.reason}" if at_home and pause.reason else ""
    return f"The queue {job.queue} is paused since {since}, by {who}{said}"


def _limited(limit: LimitState) -> WaitingView:
    """How many run is told of the organisation's own limit alone: of all others it is everybody's jobs."""
    of = "the organisation" if limit.scope == "organization" else f"the {limit.scope} {limit.key}"
    if limit.max_active is not None and limit.active >= limit.max_active:
        jobs = "job" if limit.max_active == 1 else "jobs"
        now = f"{limit.active} run now" if limit.scope == "organization" else "no place is free"
        text = f"At most {limit.max_active} {jobs} of {of} may run at once; {now}"
        return WaitingView(code="limit", text=text)
    jobs = "job" if limit.max_starts == 1 else "jobs"
    text = f"At most {limit.max_starts} {jobs} of {of} may start within {limit.period_seconds:g} s; the next may start"
    return WaitingView(code="limit", text=text, until=limit.frees_at)
