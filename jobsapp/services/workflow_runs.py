"""Runs of workflows as people see them, and what they say to one: answers, events, and to go on after a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.sealing import CannotOpen
from jobsapp.core.states import Status
from jobsapp.core.storable import refuse_faults
from jobsapp.core.workflows import Definition, State, read
from jobsapp.core.workflows.definition import Approval
from jobsapp.core.workflows.fields import filled, json_schema
from jobsapp.core.workflows.naming import run_name
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobsapp.models import Job, WorkflowEvent, WorkflowRun, WorkflowStep
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.jobs import NAME_LENGTH, Jobs
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.views import ProgressView, progress_view
from jobsapp.services.workflow_checks import refuse
from jobsapp.services.workflow_inputs import changed_fields, hold_named, masked, new_secrets, told
from jobsapp.services.workflow_run_views import RunOfStepView, WorkflowRunView, require_role, step_views
from jobsapp.store import workflows as store
from jobsapp.store.outbox import WORKFLOWS_DUE, call
from jobsapp.store.workflows import Activity

EVENTS_WAITING = 100
COMMENT_LENGTH = 2000
PAYLOAD_BYTES = 100_000
RUNS_LISTED = 50
StateName = Literal["pending", "waiting", "running", "completed", "failed", "cancelled", "skipped", "undone"]


class WorkflowRuns:
    def __init__(self, session: DbSession, jobs: Jobs, secrets: Secrets) -> None:
        self._session = session
        self._jobs = jobs
        self._secrets = secrets
        self._audit = Audit(session)

    def find(self, actor: Actor, job_id: UUID) -> WorkflowRunView | None:
        """How far the run of that job is; None: it has not begun, or is no workflow. Raises NotFound for no job."""
        self._jobs.get(actor, job_id)
        row = self._session.get(WorkflowRun, job_id, populate_existing=True)
        return None if row is None else self._view(actor, row)

    def steps(self, actor: Actor, job_id: UUID) -> WorkflowRunView:
        """As `find`. Raises NotFound."""
        found = self.find(actor, job_id)
        if found is None:
            raise NotFound(f"The job {job_id} is no workflow that has begun.")
        return found

    def of_step(self, actor: Actor, job_id: UUID) -> RunOfStepView | None:
        """The run whose step the job is, if any."""
        query = select(WorkflowStep.run_id, WorkflowStep.key).where(
            WorkflowStep.job_id == job_id, WorkflowStep.organization_id == actor.organization_id
        )
        row = self._session.execute(query).one_or_none()
        return None if row is None else RunOfStepView(run_id=row.run_id, key=row.key)

    def definition(self, actor: Actor, job_id: UUID) -> Definition:
        """What the run does. Raises NotFound."""
        self._jobs.get(actor, job_id)
        row = self._session.get(WorkflowRun, job_id)
        if row is None:
            raise NotFound(f"The job {job_id} is no workflow that has begun.")
        return read(row.definition)

    def input_schema(self, actor: Actor, job_id: UUID) -> dict[str, Any]:
        """What the run needs as its input: JSON Schema. Raises NotFound."""
        return json_schema(self.definition(actor, job_id).input)

    def latest(self, actor: Actor, name: str) -> list[Job]:
        """The newest runs of a workflow."""
        query = select(WorkflowRun.job_id).where(
            WorkflowRun.organization_id == actor.organization_id, WorkflowRun.workflow == name
        )
        ids = list(self._session.scalars(query.order_by(WorkflowRun.job_id.desc()).limit(RUNS_LISTED)))
        return sorted(self._jobs.find(actor, ids), key=lambda job: job.id, reverse=True)

    def activity(self, actor: Actor, names: Sequence[str]) -> dict[str, Activity]:
        """The newest run that has begun, and how many go on, of those of these workflows that have runs."""
        found = store.activity(driver(self._session), names, organization_id=actor.organization_id)
        return {one.name: one for one in found}

    def answer(
        self, actor: Actor, job_id: UUID, key: str, *, approved: bool, fields: Mapping[str, Any], comment: str = ""
    ) -> WorkflowRunView:
        """Approve or reject what a step asks, and commit.

        Raises NotFound, Forbidden, InvalidInput naming each field at fault, and Conflict if it does not wait for that.
        """
        row, definition = self._enter(actor, job_id)
        approval = self._asked(row, definition, key)
        require_role(actor, approval)
        refuse_faults(comment=comment, fields=dict(fields))
        if len(comment) > COMMENT_LENGTH:
            raise InvalidInput.of("comment", f"may have up to {COMMENT_LENGTH:,} characters.")
        values, faults = filled(approval.fields, fields, "fields")
        refuse(faults if approved else ())
        answered = select(WorkflowEvent.id).where(
            WorkflowEvent.run_id == job_id, WorkflowEvent.name == key, WorkflowEvent.kind == "answer"
        )
        if self._session.scalars(answered.where(WorkflowEvent.taken_at.is_(None)).limit(1)).first():
            raise Conflict(f"The step {key} was answered a moment ago.")
        said = {"approved": approved, "fields": values if approved else {}, "comment": comment.strip()}
        self._say(actor, row, "answer", key, said)
        told = {"answer": "approved" if approved else "rejected", "step": key}
        self._audit.note(actor, Action.WORKFLOW_ANSWERED, self._subject(actor, row), told)
        self._session.commit()
        return self.steps(actor, job_id)

    def signal(self, actor: Actor, job_id: UUID, event: str, payload: Any = None) -> WorkflowRunView:
        """Tell a run of an event, and commit. It may come before a step waits for it: then it is kept until one does.

        Raises NotFound, Forbidden, InvalidInput for an event that no step waits for, and Conflict if the run is over.
        """
        row, definition = self._enter(actor, job_id)
        job = self._jobs.get(actor, job_id)
        actor.require_change(job.user_id, "signal")
        known = sorted(
            {step.wait_for.event for step in definition.steps.values() if step.wait_for and step.wait_for.event}
        )
        if event not in known:
            raise InvalidInput.of("event", f"no step waits for {event!r}. Known: {', '.join(known) or 'none'}.")
        refuse_faults(payload=payload)
        if len(json.dumps(payload)) > PAYLOAD_BYTES:
            raise InvalidInput.of("payload", f"may have {PAYLOAD_BYTES:,} characters as JSON.")
        kept = select(WorkflowEvent.id).where(WorkflowEvent.run_id == job_id, WorkflowEvent.taken_at.is_(None))
        if len(list(self._session.scalars(kept.limit(EVENTS_WAITING)))) >= EVENTS_WAITING:
            raise Conflict(f"{EVENTS_WAITING} events wait already, and no step for them.")
        self._say(actor, row, "event", event, payload)
        self._audit.note(actor, Action.WORKFLOW_SIGNALLED, self._subject(actor, row), {"event": event})
        self._session.commit()
        return self.steps(actor, job_id)

    def resume(self, actor: Actor, job_id: UUID, input: Mapping[str, Any] | None = None) -> Job:
        """Go on from the step that failed, and commit: what completed is kept. `input` None: as it was.

        Raises NotFound, Forbidden, InvalidInput naming each field at fault, and Conflict unless it failed or was
        cancelled.
        """
        job = self._jobs.get(actor, job_id)
        actor.require_change(job.user_id, "resume")
        row, definition = self._locked(job_id)
        changed: list[str] = []
        if row.running or job.status not in (Status.FAILED, Status.CANCELLED):
            raise Conflict(f"The job is {job.status}: only a failed or cancelled workflow can be resumed.")
        if input is not None:
            refuse_faults(input=dict(input))
            values, faults = filled(definition.input, {**row.input, **input}, "input")
            refuse(faults)
            secrets = new_secrets(definition, input)
            if masked(definition, values) != row.input or secrets:
                changed = changed_fields(row.input, masked(definition, values), secrets)
                self._change_input(actor, job, row, definition, values, secrets)
        self._audit.note(actor, Action.WORKFLOW_RESUMED, self._subject(actor, row), {"changed": changed or None})
        return self._jobs.retry(actor, job_id)

    def _change_input(
        self,
        actor: Actor,
        job: Job,
        row: WorkflowRun,
        definition: Definition,
        values: dict[str, Any],
        secrets: dict[str, str],
    ) -> None:
        """Its steps run as its owner: nobody else says with what. What was approved was approved for the old input."""
        if actor.user_id != job.user_id:
            raise Forbidden("Only who started the workflow may change its input; start it anew.")
        hold_named(self._session, job.id, job.organization_id, definition, values)
        if secrets:
            try:
                job.data = self._secrets.changed(job, secrets)
            except CannotOpen:
                raise Conflict("Its secrets were sealed with another secret key; start the workflow anew.") from None
        before, row.input = row.input, masked(definition, values)
        if job.name == run_name(definition, before, row.workflow)[:NAME_LENGTH]:
            job.name = run_name(definition, row.input, row.workflow)[:NAME_LENGTH]
        # What the job's page, the API and "Run again" tell; its secrets stand beside it.
        job.data = {**job.data, "input": told(definition, values)}
        asked = [key for key, step in definition.steps.items() if step.wait_for and step.wait_for.approval]
        self._session.execute(
            update(WorkflowStep)
            .where(WorkflowStep.run_id == row.job_id, WorkflowStep.key.in_(asked))
            .values(state=State.CANCELLED)
        )

    def _enter(self, actor: Actor, job_id: UUID) -> tuple[WorkflowRun, Definition]:
        """The run with its row locked. Raises NotFound, Forbidden, and Conflict if it is over."""
        self._jobs.get(actor, job_id)
        actor.require(Right.CREATE, "answer workflows")
        row, definition = self._locked(job_id)
        if not row.running or row.stopping is not None:
            raise Conflict("The workflow is over, or stops.")
        return row, definition

    def _locked(self, job_id: UUID) -> tuple[WorkflowRun, Definition]:
        row = self._session.get(WorkflowRun, job_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise NotFound(f"The job {job_id} is no workflow that has begun.")
        return row, read(row.definition)

    def _asked(self, row: WorkflowRun, definition: Definition, key: str) -> Approval:
        step = definition.steps.get(key)
        if step is None:
            raise NotFound(f"There is no step {key!r}.")
        if step.wait_for is None or step.wait_for.approval is None:
            raise Conflict(f"The step {key} asks nobody.")
        state = self._session.get(WorkflowStep, (row.job_id, key, -1), populate_existing=True)
        if state is None or state.state != State.WAITING:
            raise Conflict(f"The step {key} does not wait for an answer now.")
        return step.wait_for.approval

    def _say(self, actor: Actor, row: WorkflowRun, kind: str, name: str, payload: Any) -> None:
        said = {"kind": kind, "name": name, "payload": payload, "user_id": actor.user_id, "said_by": actor.email}
        self._session.add(WorkflowEvent(organization_id=row.organization_id, run_id=row.job_id, **said))
        row.wake_at = func.now()
        self._session.flush()
        call(driver(self._session), WORKFLOWS_DUE)

    def _subject(self, actor: Actor, row: WorkflowRun) -> Subject:
        return Subject("job", row.job_id, self._jobs.get(actor, row.job_id).name)

    def _view(self, actor: Actor, row: WorkflowRun) -> WorkflowRunView:
        definition = read(row.definition)
        query = select(WorkflowStep).where(WorkflowStep.run_id == row.job_id)
        rows = list(self._session.scalars(query.execution_options(populate_existing=True)))
        progress = self._progress(rows)
        open_ = row.running and row.stopping is None
        return WorkflowRunView(
            job_id=row.job_id,
            workflow=row.workflow,
            version=row.version,
            running=row.running,
            stopping=row.stopping,
            input=row.input,
            steps=step_views(actor, definition, rows, progress, open_=open_),
        )

    def _progress(self, rows: Sequence[WorkflowStep]) -> dict[UUID, ProgressView]:
        ids = [one.job_id for one in rows if one.state == State.RUNNING and one.job_id]
        if not ids:
            return {}
        columns = Job.id, Job.progress_current, Job.progress_total, Job.progress_message
        return {
            row[0]: progress_view(*row[1:]) for row in self._session.execute(select(*columns).where(Job.id.in_(ids)))
        }
