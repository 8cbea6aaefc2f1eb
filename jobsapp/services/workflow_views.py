"""Workflows as people see them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, select

from jobsapp.core.workflows import Definition
from jobsapp.core.workflows.fields import json_schema
from jobsapp.models import User, Workflow
from jobsapp.services.base import Moment, View


class WorkflowView(View):
    """One version of a workflow."""

    name: str
    version: int | None
    """Null for one that is declared in code."""
    title: str
    description: str
    steps: int
    created_at: Moment | None
    created_by: str | None
    """The e-mail address of who saved it; null: declared in code, or that account is gone."""


class WorkflowWholeView(WorkflowView):
    definition: dict[str, Any]
    source: str
    """The definition as it was written."""
    input_schema: dict[str, Any]
    """What a run needs as `input`: JSON Schema."""
    changeable: bool
    """Whether the caller may save another version, and delete it."""


class WorkflowFaultView(View):
    field: str
    message: str


class WorkflowCheckView(View):
    """What is wrong with a definition; no faults: it can be saved and started."""

    faults: list[WorkflowFaultView]


def with_author() -> Select[Workflow, str]:
    """Rows with the e-mail address of who saved each."""
    return select(Workflow, User.email).outerjoin(User, User.id == Workflow.user_id)


def is_there() -> ColumnElement[bool]:
    """Not what is left of one that was deleted: its number."""
    return Workflow.source != ""


def facts_of_row(row: Workflow, email: str | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "title": row.definition.get("title") or row.name,
        "description": row.definition.get("description", ""),
        "steps": len(row.definition["steps"]),
        "created_at": row.created_at,
        "created_by": email,
    }


def facts_of_declared(one: Definition) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": None,
        "title": one.title or one.name,
        "description": one.description,
        "steps": len(one.steps),
        "created_at": None,
        "created_by": None,
    }


def whole_view(facts: dict[str, Any], definition: Definition, source: str, *, changeable: bool) -> WorkflowWholeView:
    return WorkflowWholeView(
        **facts,
        definition=definition.as_json(),
        source=source,
        input_schema=json_schema(definition.input),
        changeable=changeable,
    )
