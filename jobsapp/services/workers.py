"""Workers: who they are, what they do now, and stopping them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from jobsapp.bus.roster import START, STOP, Roster, Seen
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.errors import Conflict, NotFound, Unavailable
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.views import ProgressView, progress_view
from jobsapp.store.workers import WorkerJob, worker_jobs

log = logging.getLogger(__name__)

# Three reports in a row are missing.
SILENT_SECONDS = 15.0
JOBS_SHOWN = 3

WorkerState = Literal["idle", "busy", "stopping", "stopped", "starting", "silent"]


class WorkerJobView(View):
    """A job that a worker has now."""

    id: UUID
    name: str
    type: str
    progress: ProgressView
    started_at: Moment | None
    stopping: bool
    """Cancelling was asked and it has not stopped yet."""


class WorkerView(View):
    """A worker. Members of an organisation that does not run the installation see its state and their own jobs: all
    else is null, and empty where it is a list."""

    name: str
    """For other organisations than the one that runs the installation, a number in its place: `worker-1`."""
    host: str | None
    """Null, as all that only Redis knows, for a worker that is known by its jobs alone; and for other organisations."""
    pid: int | None
    queues: list[str]
    """Those that it serves; empty for other organisations."""
    state: WorkerState
    """`stopping`: it finishes or hands back its job. `stopped`: its place is empty until it is asked to start again
    (`starting`), or its `flask worker` is. `silent`: no sign of life for 15 seconds."""
    since: Moment | None
    """When it was started; when it was stopped, if it is."""
    seen_at: Moment | None
    """Its last sign of life. There is one every 5 seconds."""
    jobs: list[WorkerJobView]
    """Jobs of the caller's organisation that it has now, the first 3. Of several one runs, the others come next."""
    jobs_more: int
    """How many more of them it has."""
    jobs_of_others: int | None
    """How many jobs of other organisations it has; null for those, who learn nothing of each other."""
    jobs_done: int | None
    """Attempts that completed their job, and those that failed, since it was started."""
    jobs_failed: int | None
    memory_bytes: int | None
    """Memory of the worker's own process that is in RAM; null where the host does not tell."""
    work_horse_memory_bytes: int | None
    """The same of the process that runs its jobs, with what those started."""


class WorkersView(View):
    workers: list[WorkerView]
    """By host and name."""
    known: bool
    """False: Redis is away, and only workers that have jobs are told of."""


class Workers:
    def __init__(self, session: DbSession, roster: Roster) -> None:
        self._session = session
        self._roster = roster
        self._audit = Audit(session)

    def all(self, actor: Actor) -> WorkersView:
        """Every worker that is known. One statement and one round trip to Redis, however many there are.

        Only the organisation that runs the installation learns on which machines they are, and of jobs of others.
        """
        held = worker_jobs(driver(self._session), actor.organization_id, shown=JOBS_SHOWN)
        jobs = {name: list(rows) for name, rows in groupby(held, key=lambda one: one.worker)}
        roster, now = self._roster.read(), datetime.now(UTC)
        views = [_seen_view(one, jobs.pop(one.report.name, []), now) for one in roster or [] if not _is_gone(one)]
        views += [_lease_view(name, rows) for name, rows in jobs.items()]
        views.sort(key=lambda one: (one.host is None, one.host, one.name))
        if not actor.runs_installation:
            views = [_from_outside(one, number) for number, one in enumerate(views, start=1)]
        return WorkersView(workers=views, known=roster is not None)

    def get(self, actor: Actor, name: str) -> WorkerView:
        """Raises NotFound, or Unavailable if it cannot be known."""
        found = self.all(actor)
        view = next((one for one in found.workers if one.name == name), None)
        if view is None and not found.known:
            raise Unavailable("Redis does not answer, so which workers there are is not known. Try again in a moment.")
        if view is None:
            raise NotFound(f"There is no worker {name}: it has ended, or another has taken its place.")
        return view

    def stop(self, actor: Actor, name: str) -> WorkerView:
        """Have a worker finish its job, or hand it back after the grace, and end. No other takes its place.

        Raises Forbidden, NotFound, Conflict if it does not listen, and Unavailable without Redis. Asked twice is once.
        """
        view = self._enter(actor, name)
        if view.state in ("stopping", "stopped"):
            return view
        heard = self._roster.ask_to_stop(name)
        if heard is None:
            raise Unavailable(f"Redis does not answer, so {name} cannot be told. {_by_hand(view)}")
        if not heard:
            raise Conflict(f"The worker {name} does not listen. {_by_hand(view)}")
        log.info("%s asked the worker %s to stop", actor.email, name)
        self._note(actor, Action.WORKER_STOPPED, view)
        return self._afterwards(actor, view, "stopping")

    def start(self, actor: Actor, name: str) -> WorkerView:
        """Have another worker take the place of one that was stopped. It comes within seconds, with a new name.

        Raises Forbidden, NotFound, Conflict if it was not stopped, and Unavailable without Redis.
        """
        view = self._enter(actor, name)
        if view.state == "starting":
            return view
        if view.state != "stopped":
            raise Conflict(f"The worker {name} was not stopped.")
        if not self._roster.ask_to_start(name):
            raise Unavailable(f"Redis does not answer, so {name} cannot be started. Try again in a moment.")
        log.info("%s asked for a worker in the place of %s", actor.email, name)
        self._note(actor, Action.WORKER_STARTED, view)
        return self._afterwards(actor, view, "starting")

    def _note(self, actor: Actor, action: Action, view: WorkerView) -> None:
        self._audit.note(actor, action, Subject("worker", view.name), {"host": view.host})
        self._session.commit()

    def _enter(self, actor: Actor, name: str) -> WorkerView:
        actor.require(Right.OPERATE, "stop and start workers")
        return self.get(actor, name)

    def _afterwards(self, actor: Actor, view: WorkerView, state: WorkerState) -> WorkerView:
        """As it is now; it may be gone already."""
        found = next((one for one in self.all(actor).workers if one.name == view.name), None)
        return found or view.model_copy(update={"state": state})


def _from_outside(view: WorkerView, number: int) -> WorkerView:
    """As another organisation sees it. Its name would tell the host and the process."""
    told = {"name": f"worker-{number}", "state": view.state, "jobs": view.jobs, "jobs_more": view.jobs_more}
    return WorkerView.model_validate(dict.fromkeys(WorkerView.model_fields) | {"queues": []} | told)


def _is_gone(seen: Seen) -> bool:
    """An empty place whose parent is silent: nobody will fill it."""
    return not seen.report.pid and seen.silent_seconds > SILENT_SECONDS


def _seen_view(seen: Seen, rows: Sequence[WorkerJob], now: datetime) -> WorkerView:
    report, seen_at = seen.report, now - timedelta(seconds=seen.silent_seconds)
    return WorkerView(
        name=report.name,
        host=report.host,
        pid=report.pid or None,
        queues=list(report.queues),
        state=_state(seen, bool(rows)),
        since=seen_at - timedelta(seconds=report.age_seconds),
        seen_at=seen_at,
        jobs_done=report.jobs_done,
        jobs_failed=report.jobs_failed,
        memory_bytes=report.memory_bytes,
        work_horse_memory_bytes=report.horse_bytes,
        **_jobs(rows),
    )


def _state(seen: Seen, works: bool) -> WorkerState:
    if not seen.report.pid:
        return "starting" if seen.wish == START else "stopped"
    if seen.silent_seconds > SILENT_SECONDS:
        return "silent"
    if seen.report.stopping or seen.wish == STOP:
        return "stopping"
    return "busy" if works else "idle"


def _lease_view(name: str, rows: Sequence[WorkerJob]) -> WorkerView:
    """One that has jobs and that Redis knows nothing of."""
    return WorkerView(
        name=name,
        host=None,
        pid=None,
        queues=[],
        state="busy" if rows[0].alive else "silent",
        since=None,
        seen_at=None,
        jobs_done=None,
        jobs_failed=None,
        memory_bytes=None,
        work_horse_memory_bytes=None,
        **_jobs(rows),
    )


def _jobs(rows: Sequence[WorkerJob]) -> dict[str, object]:
    own = [_job_view(one) for one in rows if one.own]
    return {
        "jobs": own,
        "jobs_more": next((one.jobs for one in rows if one.own), 0) - len(own),
        "jobs_of_others": next((one.jobs for one in rows if not one.own), 0),
    }


def _job_view(row: WorkerJob) -> WorkerJobView:
    progress = progress_view(row.progress_current, row.progress_total, row.progress_message)
    return WorkerJobView.model_validate(
        {"id": row.id, "name": row.name, "type": row.type, "started_at": row.started_at, "stopping": row.stopping}
        | {"progress": progress}
    )


def _by_hand(view: WorkerView) -> str:
    if view.pid is None:
        return "On its host, stop its process with SIGTERM."
    return f"On its host {view.host}, stop it with `kill -TERM {view.pid}`: another takes its place."
