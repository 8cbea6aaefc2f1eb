"""Presets of the forms of new jobs: those that come with a type, and those that people save."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, FieldError, Forbidden, InvalidInput, NotFound
from jobsapp.models import JobPreset
from jobsapp.processors.presets import faults_of_part, file_fields, named_as_on_the_wire, slug_of
from jobsapp.processors.registry import JobType, Registry, invalid_part
from jobsapp.processors.secrets import without_secrets
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.files import Files
from jobsapp.services.new_jobs import refuse_longer
from jobsapp.services.sessions import DbSession
from jobsapp.services.workflows import TYPE as WORKFLOW
from jobsapp.services.workflows import Workflows

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
DATA_BYTES = 100_000
PER_PERSON = 50
"""So many of a type may one person keep."""
LISTED = 200


class PresetView(View):
    """Values to begin a job with. `data` may be incomplete, as when the file is left to choose."""

    id: str
    name: str
    description: str
    data: dict[str, Any]
    origin: Literal["type", "organization", "own"]
    """Comes with the type, was shared by somebody in the organisation, or is the caller's alone."""
    created_at: Moment | None
    """Null for one that comes with the type."""
    deletable: bool
    """Whether the caller may delete it."""


@dataclass(frozen=True)
class NewPreset:
    """A preset to keep. `shared`: for everybody in the organisation."""

    name: str
    data: dict[str, Any]
    description: str = ""
    shared: bool = False


class Presets:
    def __init__(self, session: DbSession, registry: Registry, files: Files, workflows: Workflows) -> None:
        self._session = session
        self._registry = registry
        self._files = files
        self._workflows = workflows
        self._audit = Audit(session)

    def all(self, actor: Actor, type_name: str) -> list[PresetView]:
        """Those of the type, of the organisation and of the actor, in this order. Raises NotFound for no such type."""
        job_type = self._type(type_name)
        rows = self._session.scalars(self._visible(actor, type_name).order_by(JobPreset.name).limit(LISTED))
        saved = sorted((_saved(row, actor) for row in rows), key=lambda one: one.origin != "organization")
        return [*_of_type(job_type), *saved]

    def get(self, actor: Actor, type_name: str, preset_id: str) -> PresetView:
        """Raises NotFound."""
        for one in _of_type(self._type(type_name)):
            if one.id == preset_id:
                return one
        return _saved(self._row(actor, type_name, preset_id), actor)

    def filled(self, actor: Actor, preset: PresetView, type_name: str) -> dict[str, Any]:
        """The preset's data for a form: without the files that are gone."""
        fields = file_fields(self._type(type_name).processor.Input)
        named = {key: _ids(preset.data.get(key)) for key in fields}
        found = {file.id for file in self._files.find(actor, [one for ids in named.values() for one in ids])}
        data = {key: value for key, value in preset.data.items() if key not in fields}
        for key, ids in named.items():
            if there := [str(one) for one in ids if one in found]:
                data[key] = there if fields[key] else there[0]
        return data

    def save(self, actor: Actor, type_name: str, new: NewPreset) -> PresetView:
        """Keep a preset, in the place of the actor's own of this name if there is one, and commit.

        Raises Forbidden, InvalidInput naming the field at fault, and Conflict for one too many.
        """
        actor.require(Right.CREATE, "keep presets")
        job_type = self._type(type_name)
        data = _checked(job_type, new)
        if type_name == WORKFLOW:
            data = self._workflows.without_secrets(actor, data)
        own = JobPreset.user_id == actor.user_id, JobPreset.type == type_name, JobPreset.name != new.name.strip()
        kept = self._session.scalar(
            select(func.count()).select_from(self._visible(actor, type_name).where(*own).limit(PER_PERSON).subquery())
        )
        if (kept or 0) >= PER_PERSON:
            raise Conflict(f"You have {PER_PERSON} presets of this type; delete one first.")
        values = {"description": new.description.strip(), "data": data, "shared": new.shared}
        statement = insert(JobPreset).values(
            organization_id=actor.organization_id,
            user_id=actor.user_id,
            type=type_name,
            name=new.name.strip(),
            **values,
        )
        place = ["organization_id", "type", "user_id", "name"]
        statement = statement.on_conflict_do_update(index_elements=place, set_=values)
        preset_id = self._session.execute(statement.returning(JobPreset.id)).scalar_one()
        self._session.commit()
        return self.get(actor, type_name, str(preset_id))

    def delete(self, actor: Actor, type_name: str, preset_id: str) -> None:
        """Delete an own preset, or as an administrator a shared one, and commit. Raises NotFound and Forbidden."""
        if any(one.id == preset_id for one in _of_type(self._type(type_name))):
            raise Forbidden("This preset comes with the job type and cannot be deleted.")
        row = self._row(actor, type_name, preset_id)
        if not _saved(row, actor).deletable:
            right = Right.CREATE if row.user_id == actor.user_id else Right.ADMINISTER
            actor.require(right, "delete presets" if right is Right.CREATE else "delete presets of others")
        subject, told = Subject("preset", row.id, row.name), {"type": type_name}
        self._audit.note_others(actor, Action.PRESET_DELETED, subject, row.user_id, told)
        self._session.execute(delete(JobPreset).where(JobPreset.id == row.id))
        self._session.commit()

    def _type(self, name: str) -> JobType:
        found = self._registry.find(name)
        if found is None:
            raise NotFound(f"There is no job type {name!r}.")
        return found

    def _row(self, actor: Actor, type_name: str, preset_id: str) -> JobPreset:
        try:
            query = self._visible(actor, type_name).where(JobPreset.id == UUID(preset_id))
        except ValueError:
            raise NotFound(f"There is no preset {preset_id!r} of this type.") from None
        row = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if row is None:
            raise NotFound(f"There is no preset {preset_id!r} of this type.")
        return row

    def _visible(self, actor: Actor, type_name: str) -> Select[JobPreset]:
        return select(JobPreset).where(
            JobPreset.organization_id == actor.organization_id,
            JobPreset.type == type_name,
            or_(JobPreset.shared, JobPreset.user_id == actor.user_id),
        )


def _checked(job_type: JobType, new: NewPreset) -> dict[str, Any]:
    """The data to keep. What is missing, and what may not stand together, the form tells when the job is made."""
    if not new.name.strip():
        raise InvalidInput.of("name", "give the preset a name.")
    refuse_faults(name=new.name, description=new.description, data=new.data)
    refuse_longer("name", new.name.strip(), NAME_LENGTH)
    refuse_longer("description", new.description.strip(), DESCRIPTION_LENGTH)
    if len(json.dumps(new.data)) > DATA_BYTES:
        raise InvalidInput("data: is too long for a preset.", errors=(FieldError("data", "is too long for a preset."),))
    model = job_type.processor.Input
    data: dict[str, Any] = without_secrets(model, named_as_on_the_wire(model, new.data))
    faults = [one for one in faults_of_part(model, data) if one["loc"]]
    if faults:
        raise invalid_part(faults, "data")
    return data


def _of_type(job_type: JobType) -> list[PresetView]:
    return [
        PresetView(
            id=slug_of(one.name),
            name=one.name,
            description=one.description,
            data=named_as_on_the_wire(job_type.processor.Input, one.data),
            origin="type",
            created_at=None,
            deletable=False,
        )
        for one in job_type.processor.presets
    ]


def _saved(row: JobPreset, actor: Actor) -> PresetView:
    return PresetView(
        id=str(row.id),
        name=row.name,
        description=row.description,
        data=row.data,
        origin="organization" if row.shared else "own",
        created_at=row.created_at,
        deletable=actor.may(Right.CREATE if row.user_id == actor.user_id else Right.ADMINISTER),
    )


def _ids(value: Any) -> list[UUID]:
    """The ids in what a field that names files holds."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        try:
            found.append(UUID(str(one)))
        except ValueError:
            continue
    return found
