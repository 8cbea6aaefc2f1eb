"""Workflows that are kept: each save is a new version, checked as a whole; and starting one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.core.workflows import Definition, check, parse, read
from jobsapp.core.workflows.definition import NAME, NAME_FIX
from jobsapp.core.workflows.expressions import is_dynamic
from jobsapp.core.workflows.fields import filled, json_schema
from jobsapp.core.workflows.text import written
from jobsapp.errors import Conflict, FieldError, InvalidInput, NotFound
from jobsapp.models import Job, User, Workflow
from jobsapp.processors.registry import JobType, Registry, invalid_part
from jobsapp.processors.secrets import named_secret
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.jobs import Jobs
from jobsapp.services.new_jobs import NewJob
from jobsapp.services.sessions import DbSession

TYPE = "workflow-execution"
LISTED = 200
VERSIONS_LISTED = 100


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


class WorkflowFaultView(View):
    field: str
    message: str


class WorkflowCheckView(View):
    """What is wrong with a definition; no faults: it can be saved and started."""

    faults: list[WorkflowFaultView]


@dataclass(frozen=True)
class Saved:
    """A workflow to start: `version` None is one that is declared in code, or given whole (then `name` is empty)."""

    name: str
    version: int | None
    definition: Definition


class Workflows:
    def __init__(self, session: DbSession, registry: Registry, hints: Hints, jobs: Jobs) -> None:
        self.session, self.hints = session, hints
        """For who brings runs on, in the same transaction (`runtime/workflows`)."""
        self._session = session
        self._registry = registry
        self._jobs = jobs
        self._audit = Audit(session)
        jobs.admissions[TYPE] = self.admit

    def all(self, actor: Actor, *, after: str = "") -> list[WorkflowView]:
        """The newest version of each, by name, up to LISTED after that name; and those that are declared in code."""
        query = _with_author().where(
            Workflow.organization_id == actor.organization_id, Workflow.newest, Workflow.name > after
        )
        rows = self._session.execute(query.order_by(Workflow.name).limit(LISTED)).all()
        views = [WorkflowView(**_facts(row, email)) for row, email in rows]
        known = {view.name for view in views}
        views += [
            WorkflowView(**_declared(one))
            for name, one in self._registry.workflows.items()
            if name > after and name not in known
        ]
        return sorted(views, key=lambda view: view.name)

    def versions(self, actor: Actor, name: str) -> list[WorkflowView]:
        """The newest first, up to VERSIONS_LISTED; none of one that is declared in code. Raises NotFound."""
        query = _with_author().where(Workflow.organization_id == actor.organization_id, Workflow.name == name)
        rows = self._session.execute(query.order_by(Workflow.version.desc()).limit(VERSIONS_LISTED)).all()
        if not rows and name not in self._registry.workflows:
            raise NotFound(f"There is no workflow {name!r}.")
        return [WorkflowView(**_facts(row, email)) for row, email in rows]

    def get(self, actor: Actor, name: str, version: int | None = None) -> WorkflowWholeView:
        """Raises NotFound."""
        declared = self._registry.workflows.get(name)
        if declared is not None and version is None:
            return _whole(_declared(declared), declared, written(declared.as_json()))
        row, email = self._row(actor.organization_id, name, version)
        return _whole(_facts(row, email), read(row.definition), row.source)

    def find(self, organization_id: UUID, name: str, version: int | None = None) -> Saved:
        """The one that a run of the organisation means. Raises NotFound."""
        declared = self._registry.workflows.get(name)
        if declared is not None and version is None:
            return Saved(name, None, declared)
        row, _ = self._row(organization_id, name, version)
        return Saved(row.name, row.version, read(row.definition))

    def check(self, value: object) -> WorkflowCheckView:
        """Everything that is known to be wrong with a definition, given as JSON or as a text in YAML or JSON."""
        try:
            self.checked(value)
        except InvalidInput as error:
            faults = error.errors or (FieldError("definition", error.detail),)
            return WorkflowCheckView(faults=[WorkflowFaultView(field=one.field, message=one.message) for one in faults])
        return WorkflowCheckView(faults=[])

    def checked(self, value: object, prefix: str = "") -> Definition:
        """The definition. Raises InvalidInput naming each fault by its path, as in `steps.convert.input.source`.

        `prefix`: what the paths begin with, where the definition is a part of what the caller wrote.
        """
        definition = read(parse(value) if isinstance(value, str) else value, prefix)
        start = f"{prefix}." if prefix else ""
        refuse(FieldError(start + one.field, one.message) for one in self.faults(definition))
        return definition

    def faults(self, definition: Definition) -> list[FieldError]:
        """What is wrong with it, as far as can be known here: with what is installed."""
        return check(definition, self._judge)

    def save(self, actor: Actor, name: str, source: str, *, prefix: str = "") -> WorkflowWholeView:
        """Keep a definition, given as text, as the newest version, and commit. The same text again changes nothing.

        `prefix`: as for `checked`.

        Raises Forbidden, InvalidInput naming each fault by its path, and Conflict if somebody else saves it now.
        """
        actor.require(Right.CREATE, "save workflows")
        refuse_faults(name=name, definition=source)
        if not _is_name(name):
            raise InvalidInput.of("name", NAME_FIX)
        if name in self._registry.workflows:
            raise InvalidInput.of("name", f"{name} is declared in code; choose another name.")
        definition = self.checked(source, prefix)
        newest = self._session.scalars(self._newest(actor.organization_id, name).with_for_update()).one_or_none()
        if newest is not None and newest.source != source and newest.user_id != actor.user_id:
            # Others start it, and their schedules do: its steps run as they, whoever wrote them.
            actor.require(Right.CHANGE_JOBS, "change workflows of others")
        if newest is None or newest.source != source:
            try:
                self._add(actor, name, source, definition, 1 if newest is None else newest.version + 1)
                self._session.commit()
            except IntegrityError:
                self._session.rollback()
                raise Conflict(f"Somebody else saved {name} at the same moment; look at it and try again.") from None
        self._session.commit()
        return self.get(actor, name)

    def start(self, actor: Actor, workflow: str, input: Mapping[str, Any], /, **more: Any) -> Job:
        """Start a workflow, and commit. `more`: what else is said of the job. Raises NotFound, and as `Jobs.create`."""
        self.get(actor, workflow)
        return self._jobs.create(actor, NewJob(TYPE, {"workflow": workflow, "input": dict(input)}, **more))[0]

    def admit(self, actor: Actor, data: Any) -> None:
        """Refuse a run that could not start. Raises InvalidInput naming each fault under `data`."""
        try:
            saved = self.of_run(actor.organization_id, data)
        except NotFound as error:
            raise InvalidInput.of("data.workflow", error.detail) from None
        _, faults = filled(saved.definition.input, data.input, "data.input")
        refuse(faults)

    def of_run(self, organization_id: UUID, data: Any) -> Saved:
        """What the data of a job means, checked as a whole. Raises NotFound, and InvalidInput under `data`."""
        if data.workflow is not None:
            saved = self.find(organization_id, data.workflow, data.version)
        else:
            saved = Saved("", None, read(data.definition, "data.definition"))
        prefix = "data.definition" if data.workflow is None else "workflow"
        refuse([FieldError(f"{prefix}.{one.field}", one.message) for one in self.faults(saved.definition)])
        return saved

    def _judge(self, name: str, data: Mapping[str, Any]) -> Iterable[FieldError]:
        job_type = self._registry.find(name)
        if job_type is None:
            yield FieldError("type", f"there is no job type {name!r}. Known: {', '.join(self._known())}.")
        elif job_type.missing:
            yield FieldError("type", job_type.missing)
        elif job_type.processor.run_by_keeper:
            yield FieldError("type", "a step cannot be a workflow itself.")
        else:
            yield from _faults_of_input(job_type, data)

    def _known(self) -> list[str]:
        return [one.name for one in self._registry if not one.processor.run_by_keeper]

    def _add(self, actor: Actor, name: str, source: str, definition: Definition, version: int) -> None:
        own = Workflow.organization_id == actor.organization_id, Workflow.name == name, Workflow.newest
        self._session.execute(update(Workflow).where(*own).values(newest=False))
        row = Workflow(
            organization_id=actor.organization_id,
            name=name,
            version=version,
            newest=True,
            definition=definition.as_json(),
            source=source,
            user_id=actor.user_id,
        )
        self._session.add(row)
        self._audit.note(actor, Action.WORKFLOW_SAVED, Subject("workflow", name, name), {"version": version})

    def _newest(self, organization_id: UUID, name: str) -> Select[Workflow]:
        return select(Workflow).where(
            Workflow.organization_id == organization_id, Workflow.name == name, Workflow.newest
        )

    def _row(self, organization_id: UUID, name: str, version: int | None) -> tuple[Workflow, str | None]:
        query = _with_author().where(Workflow.organization_id == organization_id, Workflow.name == name)
        query = query.where(Workflow.newest if version is None else Workflow.version == version)
        row = self._session.execute(query).one_or_none()
        if row is None:
            which = f"workflow {name!r}" if version is None else f"version {version} of the workflow {name!r}"
            raise NotFound(f"There is no {which}.")
        return row[0], row[1]


def refuse(faults: Iterable[FieldError]) -> None:
    """Raises InvalidInput if there are faults."""
    found = tuple(faults)
    if found:
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found[:5]) + more, errors=found)


def _faults_of_input(job_type: JobType, data: Mapping[str, Any]) -> Iterable[FieldError]:
    """What the type's model says of an input, as far as references do not leave it open.

    Definitions and what runs keep of them are read by everybody in the organisation, so no secret stands in them.
    """
    if secret := named_secret(job_type.processor.Input, data):
        yield FieldError(f"input.{secret}", "may hold no secret: whoever reads the workflow would read it.")
        return
    try:
        checked = job_type.processor.Input.model_validate(data)
        if not is_dynamic(data):
            job_type.processor.check(checked)
    except ValidationError as error:
        found = error.errors(include_url=False)
        yield from invalid_part([one for one in found if _is_certain(one)], "input").errors
    except ValueError as error:
        yield FieldError("input", str(error))


def _is_certain(fault: Any) -> bool:
    """Whether it is wrong whatever the references give."""
    return fault["type"] in ("missing", "extra_forbidden") or not is_dynamic(fault["input"])


def _is_name(name: str) -> bool:
    return re.fullmatch(NAME, name) is not None


def _with_author() -> Select[Workflow, str]:
    return select(Workflow, User.email).outerjoin(User, User.id == Workflow.user_id)


def _facts(row: Workflow, email: str | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "title": row.definition.get("title") or row.name,
        "description": row.definition.get("description", ""),
        "steps": len(row.definition["steps"]),
        "created_at": row.created_at,
        "created_by": email,
    }


def _declared(one: Definition) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": None,
        "title": one.title or one.name,
        "description": one.description,
        "steps": len(one.steps),
        "created_at": None,
        "created_by": None,
    }


def _whole(facts: dict[str, Any], definition: Definition, source: str) -> WorkflowWholeView:
    schema = json_schema(definition.input)
    return WorkflowWholeView(**facts, definition=definition.as_json(), source=source, input_schema=schema)
