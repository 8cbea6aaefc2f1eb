"""Workflows that are kept: each save is a new version, checked as a whole; and starting one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.core.workflows import Definition, parse, read
from jobsapp.core.workflows.definition import NAME, NAME_FIX
from jobsapp.core.workflows.expressions import WrongExpression
from jobsapp.core.workflows.naming import run_name
from jobsapp.core.workflows.secrets import secret_fields
from jobsapp.core.workflows.text import written
from jobsapp.errors import Conflict, FieldError, InvalidInput, NotFound
from jobsapp.models import Job, Schedule, Workflow
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.jobs import Jobs
from jobsapp.services.new_jobs import NAME_LENGTH, NewJob
from jobsapp.services.sessions import DbSession
from jobsapp.services.workflow_checks import WorkflowChecks, refuse
from jobsapp.services.workflow_inputs import Asked, named_files, set_apart, values_of
from jobsapp.services.workflow_views import (
    WorkflowCheckView,
    WorkflowFaultView,
    WorkflowView,
    WorkflowWholeView,
    facts_of_declared,
    facts_of_row,
    is_there,
    whole_view,
    with_author,
)

TYPE = "workflow-execution"
LISTED = 200
VERSIONS_LISTED = 100
SCHEDULES_TOLD = 10
HIGHEST = 2**31 - 1
"""Version that the database can look for."""


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
        self._checks = WorkflowChecks(registry)
        self._audit = Audit(session)
        jobs.admissions[TYPE] = self.admit

    def all(self, actor: Actor, *, after: str = "") -> list[WorkflowView]:
        """The newest version of each, by name, up to LISTED after that name; and those that are declared in code."""
        query = with_author().where(
            Workflow.organization_id == actor.organization_id, Workflow.newest, Workflow.name > after
        )
        rows = self._session.execute(query.order_by(Workflow.name).limit(LISTED)).all()
        views = [WorkflowView(**facts_of_row(row, email)) for row, email in rows]
        known = {view.name for view in views}
        views += [
            WorkflowView(**facts_of_declared(one))
            for name, one in self._registry.workflows.items()
            if name > after and name not in known
        ]
        return sorted(views, key=lambda view: view.name)

    def versions(self, actor: Actor, name: str) -> list[WorkflowView]:
        """The newest first, up to VERSIONS_LISTED; none of one that is declared in code. Raises NotFound."""
        query = with_author().where(
            Workflow.organization_id == actor.organization_id, Workflow.name == name, is_there()
        )
        rows = self._session.execute(query.order_by(Workflow.version.desc()).limit(VERSIONS_LISTED)).all()
        if not rows and name not in self._registry.workflows:
            raise NotFound(f"There is no workflow {name!r}.")
        return [WorkflowView(**facts_of_row(row, email)) for row, email in rows]

    def get(self, actor: Actor, name: str, version: int | None = None) -> WorkflowWholeView:
        """Raises NotFound."""
        declared = self._registry.workflows.get(name)
        if declared is not None and version is None:
            return whole_view(facts_of_declared(declared), declared, written(declared.as_json()), changeable=False)
        row, email = self._row(actor.organization_id, name, version)
        newest = row if row.newest else self._row(actor.organization_id, name, None)[0]
        changeable = declared is None and actor.may_change(newest.user_id)
        return whole_view(facts_of_row(row, email), read(row.definition), row.source, changeable=changeable)

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
        refuse(FieldError(start + one.field, one.message) for one in self._checks.faults(definition))
        return definition

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
        last = newest if newest is not None else self._deleted(actor.organization_id, name)
        if last is not None and last.source != source and last.user_id != actor.user_id:
            # Others start it, their schedules do, and a run that waits may mean one that was deleted since: its steps
            # run as they, with their secrets, whoever wrote them.
            actor.require(Right.CHANGE_JOBS, "change workflows of others")
        if newest is None or newest.source != source:
            try:
                self._add(actor, name, source, definition)
                self._session.commit()
            except IntegrityError:
                self._session.rollback()
                raise Conflict(f"Somebody else saved {name} at the same moment; look at it and try again.") from None
        self._session.commit()
        return self.get(actor, name)

    def delete(self, actor: Actor, name: str) -> None:
        """Delete all versions, and commit. Runs that have begun have a copy, and go on.

        Raises NotFound, Forbidden as `save`, and Conflict while a schedule starts it, or if code declares it.
        """
        newest = self._session.scalars(self._newest(actor.organization_id, name).with_for_update()).one_or_none()
        if newest is None and name not in self._registry.workflows:
            raise NotFound(f"There is no workflow {name!r}.")
        if newest is None:
            raise Conflict(f"{name} is declared in code: take it away there.")
        if not actor.may_change(newest.user_id):
            own = newest.user_id == actor.user_id
            actor.require(Right.CREATE if own else Right.CHANGE_JOBS, f"delete workflows{'' if own else ' of others'}")
        if schedules := self.schedules(actor, name):
            raise Conflict(f"{_named(schedules)} it: have that start another workflow, or delete it first.")
        versions = Workflow.organization_id == actor.organization_id, Workflow.name == name
        self._session.execute(delete(Workflow).where(*versions, Workflow.id != newest.id))
        # What is left holds the number: a later one of that name is no version that a run had before.
        newest.newest, newest.source, newest.definition = False, "", {"steps": {}}
        details = {"versions": newest.version}
        self._audit.note(actor, Action.WORKFLOW_DELETED, Subject("workflow", name, name), details)
        self._session.commit()

    def has(self, actor: Actor, name: str, version: int | None) -> bool:
        """Whether there is that version; None: whether code declares it."""
        if version is None:
            return name in self._registry.workflows
        own = Workflow.organization_id == actor.organization_id, Workflow.name == name, Workflow.version == version
        return self._session.scalar(select(Workflow.id).where(*own, is_there())) is not None

    def schedules(self, actor: Actor, name: str) -> list[tuple[UUID, str]]:
        """Ids and names of schedules that start it and have not ended, up to SCHEDULES_TOLD."""
        query = select(Schedule.id, Schedule.name).where(
            Schedule.organization_id == actor.organization_id,
            Schedule.type == TYPE,
            Schedule.ended_at.is_(None),
            Schedule.data["workflow"].as_string() == name,
        )
        rows = self._session.execute(query.order_by(Schedule.id.desc()).limit(SCHEDULES_TOLD))
        return [(row.id, row.name) for row in rows]

    def start(self, actor: Actor, workflow: str, input: Mapping[str, Any], /, **more: Any) -> Job:
        """Start a workflow, and commit. `more`: what else is said of the job. Raises NotFound, and as `Jobs.create`."""
        self.get(actor, workflow)
        return self._jobs.create(actor, NewJob(TYPE, {"workflow": workflow, "input": dict(input)}, **more))[0]

    def admit(self, actor: Actor, data: Any) -> None:
        """Refuse a run that could not start, and set its secrets apart. Raises InvalidInput naming each fault under
        `data`."""
        try:
            saved = self.of_run(actor.organization_id, data)
        except NotFound as error:
            raise InvalidInput.of("data.workflow", error.detail) from None
        refuse(set_apart(saved.definition, data, "data."))
        values = self.values(saved, data, "data.")
        data.name_files(named_files(saved.definition, values))
        try:
            data.call(run_name(saved.definition, values, saved.name))
        except WrongExpression as error:
            raise InvalidInput.of("data.input", f"the name of the workflow cannot be made of it: {error}") from None

    def own_name(self, actor: Actor, data: Mapping[str, Any]) -> str:
        """What a run with that data is called unless it is given a name; empty if it could not start."""
        try:
            checked = self._registry.get(TYPE).validate(data)
            self.admit(actor, checked)
        except InvalidInput:
            return ""
        return self._registry.get(TYPE).processor.default_name(checked, ())[:NAME_LENGTH]

    def values(self, saved: Saved, data: Asked, prefix: str = "") -> dict[str, Any]:
        """What a run begins with, each secret a mask. Raises InvalidInput naming each fault."""
        values, faults = values_of(saved.definition, data, prefix)
        refuse(faults)
        return values

    def without_secrets(self, actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
        """Data of a run, or a part of it, without the secrets among its input."""
        given, name = data.get("input"), data.get("workflow")
        if not given:
            return data
        version = data.get("version") if isinstance(data.get("version"), int) else None
        try:
            whole = self.find(actor.organization_id, name, version).definition if name else None
            found = whole or read(data.get("definition"))
        except (InvalidInput, NotFound):
            return data
        secrets = secret_fields(found.input)
        return data | {"input": {key: value for key, value in given.items() if key not in secrets}}

    def of_run(self, organization_id: UUID, data: Any) -> Saved:
        """What the data of a job means, checked as a whole. Raises NotFound, and InvalidInput under `data`."""
        if data.workflow is not None:
            saved = self.find(organization_id, data.workflow, data.version)
        else:
            saved = Saved("", None, read(data.definition, "data.definition"))
        prefix = "data.definition" if data.workflow is None else "workflow"
        refuse([FieldError(f"{prefix}.{one.field}", one.message) for one in self._checks.faults(saved.definition)])
        return saved

    def _add(self, actor: Actor, name: str, source: str, definition: Definition) -> None:
        own = Workflow.organization_id == actor.organization_id, Workflow.name == name
        version = (self._session.scalar(select(func.max(Workflow.version)).where(*own)) or 0) + 1
        self._session.execute(update(Workflow).where(*own, Workflow.newest).values(newest=False))
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

    def _deleted(self, organization_id: UUID, name: str) -> Workflow | None:
        """What is left of one that was deleted."""
        own = Workflow.organization_id == organization_id, Workflow.name == name
        return self._session.scalars(select(Workflow).where(*own).order_by(Workflow.version.desc()).limit(1)).first()

    def _row(self, organization_id: UUID, name: str, version: int | None) -> tuple[Workflow, str | None]:
        query = with_author().where(Workflow.organization_id == organization_id, Workflow.name == name, is_there())
        query = query.where(Workflow.newest if version is None else Workflow.version == version)
        row = self._session.execute(query).one_or_none() if version is None or 0 < version <= HIGHEST else None
        if row is None:
            which = f"workflow {name!r}" if version is None else f"version {version} of the workflow {name!r}"
            raise NotFound(f"There is no {which}.")
        return row[0], row[1]


def _is_name(name: str) -> bool:
    return re.fullmatch(NAME, name) is not None


def _named(schedules: list[tuple[UUID, str]]) -> str:
    names = ", ".join(name for _, name in schedules[:3])
    more = len(schedules) - 3
    told = f"{names} and {'more' if len(schedules) == SCHEDULES_TOLD else more} others" if more > 0 else names
    return f"The schedule{'s' if len(schedules) > 1 else ''} {told} start{'' if len(schedules) > 1 else 's'}"
