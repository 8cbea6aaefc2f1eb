"""How far a run is, between the rows and the value that is planned with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from jobsapp.core.states import TERMINAL, Status
from jobsapp.core.workflows import Definition, Place, Run, State, StepState, read
from jobsapp.core.workflows.plan import failure
from jobsapp.core.workflows.state import OVER, ended
from jobsapp.models import Job, StoredFile, WorkflowEvent, WorkflowRun, WorkflowStep
from jobsapp.services.sessions import DbSession
from jobsapp.services.workflow_inputs import hold

_STATES = {Status.COMPLETED: State.COMPLETED, Status.FAILED: State.FAILED, Status.CANCELLED: State.CANCELLED}


class Book:
    """One run with the rows of its steps. The caller has locked its row, and commits."""

    def __init__(self, session: DbSession, row: WorkflowRun) -> None:
        self._session = session
        self.row = row
        self.definition: Definition = read(row.definition)
        steps = session.scalars(
            select(WorkflowStep).where(WorkflowStep.run_id == row.job_id).execution_options(populate_existing=True)
        )
        self._rows = {Place(one.key, one.item): one for one in steps}
        self.run = Run(
            row.input,
            {place: _state_of(one) for place, one in self._rows.items()},
            stopping=row.stopping,
            error=row.error,
        )

    def job_of(self, place: Place) -> UUID | None:
        row = self._rows.get(place)
        return None if row is None else row.job_id

    def hear(self) -> None:
        """What came of the jobs of its steps, and what was said to steps that wait."""
        jobs = {one.job_id: place for place, one in self._rows.items() if one.state == State.RUNNING and one.job_id}
        for job in self._ended(list(jobs)):
            self._end(jobs[job.id], job)
        for place, one in list(self.run.steps.items()):
            # Its job was deleted after it had ended: what came of it is not known any more.
            if one.state is State.RUNNING and one.items is None and self.job_of(place) is None:
                gone = failure("Deleted", "The job of this step was deleted.")
                self.run = ended(self.run, place, State.FAILED, error=gone)
        self.hear_events()

    def write(self, run: Run, now: datetime) -> None:
        """Keep how far the run is now."""
        for place in self.run.steps.keys() - run.steps.keys():
            self._session.delete(self._rows.pop(place))
        for place, one in run.steps.items():
            row = self._rows.get(place)
            if row is None or _state_of(row) != one:
                self._write(place, one, now)
        self.run = run
        self.row.input, self.row.stopping = dict(run.input), run.stopping
        self.row.error = None if run.error is None else dict(run.error)
        wakes = [one.wake_at for one in run.steps.values() if one.state is State.WAITING and one.wake_at is not None]
        self.row.wake_at = min(wakes, default=None)

    def give_job(self, place: Place, job_id: UUID) -> None:
        self._rows[place].job_id = job_id

    def hold(self, file_ids: Iterable[UUID]) -> set[UUID]:
        """Keep files from being deleted while the run is there. Returns those that are there."""
        return hold(self._session, self.row.job_id, self.row.organization_id, file_ids)

    def _end(self, place: Place, job: Job) -> None:
        state = _STATES[Status(job.status)]
        files = tuple(_artifact(file) for file in job.artifacts) if state is State.COMPLETED else ()
        self.hold(file.id for file in job.artifacts)
        error = None
        if state is State.FAILED:
            error = {name: (job.error or {}).get(name) for name in ("type", "message")}
        self.run = ended(self.run, place, state, result=job.result, artifacts=files, error=error)

    def _ended(self, job_ids: Sequence[UUID]) -> list[Job]:
        if not job_ids:
            return []
        query = select(Job).where(Job.id.in_(job_ids), Job.status.in_(TERMINAL)).order_by(Job.updated_at, Job.id)
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    def hear_events(self) -> None:
        """What was said to steps that wait, or before they did."""
        waiting = {place for place, one in self.run.steps.items() if one.state is State.WAITING}
        if not waiting:
            return
        query = select(WorkflowEvent).where(WorkflowEvent.run_id == self.row.job_id, WorkflowEvent.taken_at.is_(None))
        for event in self._session.scalars(query.order_by(WorkflowEvent.id).limit(1000)):
            for place in sorted(waiting):
                if self._is_for(place, event):
                    waiting.discard(place)
                    event.taken_at = event.at
                    self._answer(place, event)
                    break

    def _is_for(self, place: Place, event: WorkflowEvent) -> bool:
        wait = self.definition.steps[place.key].wait_for
        if wait is None:
            return False
        return event.name == place.key if event.kind == "answer" else event.name == wait.event

    def _answer(self, place: Place, event: WorkflowEvent) -> None:
        if event.kind == "event":
            self.run = ended(self.run, place, State.COMPLETED, result=event.payload)
            return
        said: dict[str, Any] = {"approved": False, "by": event.said_by, "at": event.at.isoformat()}
        said |= event.payload or {}
        if said["approved"]:
            self.run = ended(self.run, place, State.COMPLETED, result=said)
            return
        why = f": {said['comment']}" if said.get("comment") else "."
        error = failure("Rejected", f"{event.said_by} rejected it{why}")
        self.run = ended(self.run, place, State.FAILED, result=said, error=error)

    def _write(self, place: Place, one: StepState, now: datetime) -> None:
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = WorkflowStep(
                run_id=self.row.job_id,
                key=place.key,
                item=place.item,
                organization_id=self.row.organization_id,
                state=State.PENDING,
            )
            self._session.add(row)
        begins = row.state == State.PENDING and one.state is not State.PENDING
        if one.state is State.PENDING:
            row.job_id = row.began_at = row.ended_at = None
        elif begins:
            row.began_at, row.ended_at = now, None
        if one.state in OVER and row.ended_at is None:
            row.ended_at = now
        row.state, row.result, row.wake_at, row.place, row.asked = (
            one.state,
            one.result,
            one.wake_at,
            one.order,
            one.asked,
        )
        row.artifacts = [dict(file) for file in one.artifacts] or None
        row.error = None if one.error is None else dict(one.error)
        row.items = None if one.items is None else list(one.items)


def begun(
    session: DbSession, job_id: UUID, organization_id: UUID, name: str, version: int | None, definition: Definition
) -> WorkflowRun:
    """The row of a new run, with each of its steps as it is before the first begins."""
    row = WorkflowRun(
        job_id=job_id,
        organization_id=organization_id,
        workflow=name,
        version=version,
        definition=definition.as_json(),
        input={},
        running=True,
    )
    session.add(row)
    session.flush()
    session.add_all(
        WorkflowStep(run_id=job_id, key=key, item=-1, organization_id=organization_id, state=State.PENDING)
        for key in definition.steps
    )
    session.flush()
    return row


def with_error(run: Run, kind: str, message: str) -> Run:
    """The run, stopping for a reason of its own."""
    if run.stopping is not None:
        return run
    return replace(run, stopping="failed", error=failure(kind, message))


def _state_of(row: WorkflowStep) -> StepState:
    return StepState(
        state=State(row.state),
        result=row.result,
        artifacts=tuple(row.artifacts or ()),
        error=row.error,
        items=None if row.items is None else tuple(row.items),
        wake_at=row.wake_at,
        order=row.place or 0,
        asked=bool(row.asked),
    )


def _artifact(file: StoredFile) -> dict[str, Any]:
    return {
        "id": str(file.id),
        "name": file.name,
        "size": file.size,
        "mediaType": file.media_type,
        "sha256": file.sha256,
    }
