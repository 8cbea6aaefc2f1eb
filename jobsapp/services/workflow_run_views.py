"""Runs of workflows as people see them: each step with its state, its job and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.core.rights import Right, Role
from jobsapp.core.workflows import Definition, State, Step
from jobsapp.core.workflows.definition import Approval
from jobsapp.core.workflows.fields import json_schema
from jobsapp.errors import Forbidden
from jobsapp.models import WorkflowStep
from jobsapp.services.base import Moment, View
from jobsapp.services.views import ProgressView

StateName = Literal["pending", "waiting", "running", "completed", "failed", "cancelled", "skipped", "undone"]


class WorkflowStepErrorView(View):
    type: str | None
    message: str | None


class WorkflowItemView(View):
    """One item of a step that loops."""

    item: int
    state: StateName
    job_id: UUID | None
    progress: ProgressView | None
    began_at: Moment | None
    ended_at: Moment | None
    error: WorkflowStepErrorView | None


class WorkflowApprovalView(View):
    """What a person is asked."""

    title: str
    description: str
    role: str
    """The least that one has to be in the organisation to answer."""
    form: dict[str, Any]
    """What to fill in: JSON Schema."""


class WorkflowStepView(WorkflowItemView):
    """One step. `item` is -1."""

    key: str
    title: str
    kind: Literal["job", "loop", "wait"]
    type: str | None
    needs: list[str]
    result: Any
    wake_at: Moment | None
    """Until when it waits, at the longest."""
    waits_for: str | None
    """A time, an event by its name, or an approval; null: it does not wait."""
    approval: WorkflowApprovalView | None
    """Null unless it waits for one."""
    answerable: bool
    """Whether the caller may answer it now."""
    items: list[WorkflowItemView]
    items_total: int | None
    """How many there are to be; null: it does not loop, or has not begun."""
    undo: WorkflowItemView | None
    """What undoes it, once that has begun."""


class WorkflowRunView(View):
    """How far a run is. The job itself tells its status."""

    job_id: UUID
    workflow: str
    """Its name; empty: it was given with the job."""
    version: int | None
    running: bool
    stopping: Literal["failed", "cancelled"] | None
    input: dict[str, Any]
    steps: list[WorkflowStepView]


class RunOfStepView(View):
    """The run and the step that a job belongs to."""

    run_id: UUID
    key: str


def require_role(actor: Actor, approval: Approval) -> None:
    roles = list(Role)
    if actor.role not in roles or roles.index(Role(actor.role)) < roles.index(Role(approval.role)):
        raise Forbidden(f"To answer this one needs the role {approval.role}; your role here is {actor.role}.")


def _may_answer(actor: Actor, approval: Approval) -> bool:
    try:
        require_role(actor, approval)
    except Forbidden:
        return False
    return actor.may(Right.CREATE)


def step_views(
    actor: Actor,
    definition: Definition,
    rows: Sequence[WorkflowStep],
    progress: Mapping[UUID, ProgressView],
    *,
    open_: bool,
) -> list[WorkflowStepView]:
    """All steps in their order, each after those it needs. `open_`: whether something can be answered now."""
    by_key: dict[str, list[WorkflowStep]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return [_step_view(actor, definition, key, by_key, progress, open_=open_) for key in definition.order]


def _step_view(
    actor: Actor,
    definition: Definition,
    key: str,
    rows: Mapping[str, Sequence[WorkflowStep]],
    progress: Mapping[UUID, ProgressView],
    *,
    open_: bool,
) -> WorkflowStepView:
    step = definition.steps[key]
    whole, *items = sorted(rows[key], key=lambda one: one.item)
    undo = next(iter(rows.get(f"{key}.undo", ())), None)
    waits = whole.state == State.WAITING
    approval = step.wait_for.approval if step.wait_for and waits else None
    return WorkflowStepView(
        **_facts(whole, progress),
        key=key,
        title=step.title or key,
        kind="wait" if step.wait_for else "loop" if step.for_each is not None else "job",
        type=step.type,
        needs=list(step.needs),
        result=whole.result,
        wake_at=whole.wake_at,
        waits_for=_waits_for(step) if waits else None,
        approval=None if approval is None else _approval_view(approval, step, key),
        answerable=open_ and approval is not None and _may_answer(actor, approval),
        items=[WorkflowItemView(**_facts(one, progress)) for one in items],
        items_total=None if whole.items is None else len(whole.items),
        undo=None if undo is None else WorkflowItemView(**_facts(undo, progress)),
    )


def _facts(row: WorkflowStep, progress: Mapping[UUID, ProgressView]) -> dict[str, Any]:
    return {
        "item": row.item,
        "state": row.state,
        "job_id": row.job_id,
        "progress": progress.get(row.job_id) if row.job_id else None,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
        "error": row.error and {"type": row.error.get("type"), "message": row.error.get("message")},
    }


def _waits_for(step: Step) -> str:
    wait = step.wait_for
    if wait is None:
        return ""
    if wait.approval is not None:
        return "an approval"
    return f"the event {wait.event}" if wait.event else "its time"


def _approval_view(approval: Approval, step: Step, key: str) -> WorkflowApprovalView:
    title = approval.title or step.title or key
    form = json_schema(approval.fields)
    return WorkflowApprovalView(title=title, description=approval.description, role=approval.role, form=form)
