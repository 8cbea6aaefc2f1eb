"""Brings runs of workflows on, a follower of the ends of jobs (`runtime/advancer.py`). `clocks.py` has the rest.

A run is an active job that no worker has. It is owned by WORKER, which is no process: its lease never ends, so nobody
rescues the run, and whoever leads brings it on. All that follows from one look at a run is one transaction, with its
row locked: the jobs of its steps, how far it is, and its end. So a crash anywhere leaves what was before or what is
after, and no step has two jobs. A run is claimed before that, in a transaction of its own that leaves a row in the
outbox: what is locked to keep limits is not held while it begins.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import func, select

from jobsapp.bus.after_commit import after_commit
from jobsapp.core.events import Event, JobChanged, event_for
from jobsapp.core.outcomes import Attempt, Failed, Failure, Succeeded, Transition, WasCancelled, decide, timeout_failure
from jobsapp.core.sealing import shown
from jobsapp.core.states import Status
from jobsapp.core.workflows import Place, Run, State, plan, restarted
from jobsapp.core.workflows.plan import Finish, Start, failure
from jobsapp.core.workflows.state import OVER, ended
from jobsapp.errors import JobsappError
from jobsapp.models import Job, WorkflowRun, WorkflowStep
from jobsapp.runtime.workflows.books import Book, begun, with_error
from jobsapp.runtime.workflows.jobs import StepJobs
from jobsapp.services import Services
from jobsapp.services.sessions import DbSession, driver, is_away
from jobsapp.services.workflow_inputs import hold_named
from jobsapp.services.workflows import TYPE
from jobsapp.store import jobs as job_store
from jobsapp.store.jobs import Pulse
from jobsapp.store.outbox import BEGIN, ENDED, STOP, EndedJob
from jobsapp.store.turns import Ended, take_turn

log = logging.getLogger(__name__)

WORKER = "workflows"
LEASE_SECONDS = 3e9
"""A century: nobody renews it, and nobody has to."""
AGAIN = timedelta(seconds=60)
"""After which a run is looked at again that could not be brought on."""


class WorkflowEngine:
    def __init__(self, services: Services) -> None:
        self._session: DbSession = services.workflows.session
        self._hints = services.workflows.hints
        self._registry = services.registry
        self._workflows = services.workflows
        self._step_jobs = StepJobs(self._session, services.jobs, services.secrets)
        self._stops = set[UUID]()

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        """Begin the runs that were claimed; bring on those that were asked to stop, or whose steps these jobs are."""
        ids = [row.job_id for row in ended if row.kind == ENDED]
        query = select(WorkflowStep.run_id).where(WorkflowStep.job_id.in_(ids)).distinct()
        runs = {row.job_id for row in ended if row.kind == STOP} | set(self._session.scalars(query) if ids else ())
        # One that was asked to stop and is not begun yet is begun, and stops: whatever became of word of its claim.
        self._each([row.job_id for row in ended if row.kind in (BEGIN, STOP)], sorted(runs))

    def bring_on(self, run_ids: Sequence[UUID]) -> None:
        """Look at these runs, each by itself."""
        self._each([], run_ids)

    def _each(self, begin: Sequence[UUID], advance: Sequence[UUID]) -> None:
        self._stops = set()
        for run_id in begin:
            self._apart(run_id, partial(self._begin, run_id))
        for run_id in advance:
            self._apart(run_id, partial(self._advance, run_id))
        # Of all runs, in the order in which a worker's turn takes them.
        for job_id in sorted(self._stops):
            self._stop(job_id)

    def _apart(self, run_id: UUID, action: Callable[[], object]) -> None:
        """One run that cannot be brought on does not keep the others from it."""
        stops = set(self._stops)
        try:
            with self._session.begin_nested():
                action()
        except Exception as error:
            if is_away(error):
                raise
            log.exception("the workflow %s could not be brought on; it is tried again", run_id)
            self._stops = stops
            row = self._session.get(WorkflowRun, run_id)
            if row is not None and row.running:
                row.wake_at = self._now() + AGAIN
            else:
                # It was claimed, and nobody would look at it again.
                wrong = Failure("InternalError", "The workflow could not be begun; the log of the keeper says why.")
                self._finish_job(run_id, Failed(wrong), None)

    def _begin(self, run_id: UUID) -> None:
        """The first time, or again after a failure: then what completed is kept."""
        row = self._session.get(WorkflowRun, run_id, with_for_update=True, populate_existing=True)
        job = self._session.get(Job, run_id, populate_existing=True)
        if job is None or job.status != Status.ACTIVE or (row is not None and row.running):
            return
        try:
            if row is not None:
                book = Book(self._session, row)
                row.running = True
                book.write(restarted(book.definition, replace(book.run, stopping=None, error=None)), self._now())
            else:
                self._new(job)
        except JobsappError as error:
            wrong = Failure(type(error).__name__, error.detail)
            self._finish_job(run_id, Failed(wrong, permanent=True), None)
            return
        self._session.flush()
        self._advance(run_id)

    def _new(self, job: Job) -> None:
        data = self._registry.get(TYPE).validate(shown(job.data))
        saved = self._workflows.of_run(job.organization_id, data)
        values = self._workflows.values(saved, data)  # type: ignore[arg-type]
        with self._session.begin_nested():
            row = begun(self._session, job.id, job.organization_id, saved.name, saved.version, saved.definition)
            row.input = values
            hold_named(self._session, job.id, job.organization_id, saved.definition, values)

    def _advance(self, run_id: UUID) -> None:
        """Hear what came of its steps, and do all that follows. No fault if the run is over."""
        row = self._session.get(WorkflowRun, run_id, with_for_update=True, populate_existing=True)
        job = self._session.get(Job, run_id, populate_existing=True)
        if row is None or job is None or not row.running or job.status != Status.ACTIVE:
            return
        now, book = self._now(), Book(self._session, row)
        book.hear()
        run = replace(book.run, cancel_requested=job.cancel_requested_at is not None)
        until = _until(job)
        if until is not None and until <= now:
            run = with_error(run, *timeout_failure(job.timeout_seconds or 0.0)[:2])
        finish = self._follow(book, job, run, now)
        self._session.flush()
        if finish is None:
            if until is not None and row.stopping is None:
                row.wake_at = until if row.wake_at is None else min(row.wake_at, until)
            self._say(book, job)
        else:
            row.running, row.wake_at = False, None
            self._finish_job(run_id, _outcome(finish), book)

    def _follow(self, book: Book, job: Job, run: Run, now: datetime) -> Finish | None:
        """Plan, and make the jobs of what begins. A job that cannot be made is a step that failed: plan again. So it
        is when a step begins to wait for what was said before."""
        while True:
            after = plan(book.definition, run, now)
            run = after.run
            book.write(run, now)
            self._session.flush()
            self._stops.update(filter(None, map(book.job_of, after.stop)))
            for start in after.start:
                run = self._make(book, job, run, start)
            if run is after.run:
                book.hear_events()
                run = book.run
            if run is after.run:
                return after.finish

    def _make(self, book: Book, job: Job, run: Run, start: Start) -> Run:
        try:
            job_id = self._step_jobs.add(job, book.definition, start)
        except JobsappError as error:
            wrong = failure(type(error).__name__, error.detail)
            return ended(run, start.place, State.FAILED, error=wrong)
        book.give_job(start.place, job_id)
        return run

    def _stop(self, job_id: UUID) -> None:
        changed = job_store.cancel_job(driver(self._session), job_id, user_id=None, reason="Its workflow stops.")
        if changed is not None:
            self._tell([JobChanged(changed.id, changed.organization_id, event_for(changed.status), changed.revision)])

    def _say(self, book: Book, job: Job) -> None:
        """How far it is, if that is news."""
        done, total, message = progress_of(book)
        if (job.progress_current, job.progress_total, job.progress_message) == (done, total, message):
            return
        pulse = Pulse(done, total, message, changed=True)
        beat = job_store.pulse_job(driver(self._session), job.id, job.attempts, pulse, lease_seconds=LEASE_SECONDS)
        if beat is not None:
            self._tell([JobChanged(job.id, job.organization_id, Event.UPDATE, beat.revision)])

    def _finish_job(self, run_id: UUID, outcome: Succeeded | Failed | WasCancelled, book: Book | None) -> None:
        job = self._session.get(Job, run_id, populate_existing=True)
        if job is None:
            return
        transition = self._transition(job, outcome)
        said = Pulse(None, None, None, changed=False)
        if book is not None:
            # What went on goes on no more.
            said = Pulse(*progress_of(book)[:2], "", changed=True)
        turn = take_turn(
            driver(self._session),
            [Ended(run_id, job.attempts, transition, said=said)],
            worker=WORKER,
            lease_seconds=LEASE_SECONDS,
        )
        self._tell(
            [JobChanged(one.id, one.organization_id, event_for(one.status), one.revision) for one in turn.finished]
        )

    def _transition(self, job: Job, outcome: Succeeded | Failed | WasCancelled) -> Transition:
        policy = self._registry.get(TYPE).processor.retry.changed(job.retry)
        facts = Attempt(
            number=job.attempts,
            max_attempts=job.max_attempts,
            failures=max(1, job.attempts - (job.max_attempts - job.allowance)),
            cancel_requested=job.cancel_requested_at is not None,
            first=policy.first,
            factor=policy.factor,
            ceiling=policy.ceiling,
            jitter=policy.jitter,
        )
        return decide(facts, outcome, now=self._now(), draw=random.random())  # noqa: S311 - jitter

    def _tell(self, changes: list[JobChanged]) -> None:
        if changes:
            after_commit(self._session(), partial(self._hints.publish, changes))

    def _now(self) -> datetime:
        return self._session.execute(select(func.now())).scalar_one()


def progress_of(book: Book) -> tuple[float, float, str]:
    """How many of the steps are over, how many there are, and what goes on now."""
    run, steps = book.run, book.definition.steps
    done = sum(run.of(Place(key)).state in OVER for key in steps)
    words = []
    for key, step in steps.items():
        one = run.of(Place(key))
        title = step.title or key
        if one.state is State.WAITING and step.wait_for is not None:
            words.append(f"{title}: waits for {_AWAITED[step.wait_for.kind]}")
        elif one.state is State.RUNNING and one.items is not None:
            over = sum(item.state in OVER for item in run.items_of(key).values())
            words.append(f"{title}: {over:,} of {len(one.items):,}")
        elif one.state is State.RUNNING:
            words.append(title)
    if run.stopping is not None:
        words = [f"Stops; {word}" for word in words[:1]] or ["Undoes what was done"]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return float(done), float(len(steps)), " · ".join(words[:3]) + more


def _until(job: Job) -> datetime | None:
    """When its time is over."""
    if not job.timeout_seconds or job.started_at is None:
        return None
    return job.started_at + timedelta(seconds=job.timeout_seconds)


_AWAITED = {"seconds": "its time", "until": "its time", "event": "an event", "approval": "an approval"}


def _outcome(finish: Finish) -> Succeeded | Failed | WasCancelled:
    if finish.status == "completed":
        return Succeeded(finish.result)
    if finish.status == "cancelled":
        return WasCancelled()
    said = finish.error or {}
    return Failed(Failure(str(said.get("type")), str(said.get("message"))))
