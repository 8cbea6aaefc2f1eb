"""The input of a run: what the workflow asks for, with its secrets apart, where they are sealed as those of any job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.core.masks import MASK
from jobsapp.core.workflows import Definition
from jobsapp.core.workflows.fields import filled
from jobsapp.core.workflows.secrets import secret_fields
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import JobInput, StoredFile
from jobsapp.processors.secrets import is_mask
from jobsapp.services.secrets import NOT_A_SECRET
from jobsapp.services.sessions import DbSession


class Asked(Protocol):
    """The data of a job that is a run."""

    input: dict[str, Any]
    secrets: dict[str, SecretStr]


def set_apart(definition: Definition, data: Asked, prefix: str) -> list[FieldError]:
    """Move secrets that were given among the input to where they are sealed. Returns what is wrong with them."""
    faults = []
    for key in secret_fields(definition.input) & data.input.keys():
        value = data.input.pop(key)
        if is_mask(value):
            faults.append(FieldError(f"{prefix}input.{key}", NOT_A_SECRET))
        elif isinstance(value, str) and value:
            data.secrets[key] = SecretStr(value)
        elif value is not None and value != "":
            faults.append(FieldError(f"{prefix}input.{key}", "must be a text."))
    return faults


def values_of(definition: Definition, data: Asked, prefix: str) -> tuple[dict[str, Any], list[FieldError]]:
    """What a run begins with, each secret a mask, and what is wrong with it."""
    secrets = secret_fields(definition.input)
    given = {key: secret.get_secret_value() for key, secret in data.secrets.items()}
    faults = [
        FieldError(f"{prefix}secrets.{key}", "the workflow has no secret of that name.")
        for key in given
        if key not in secrets
    ]
    faults += [
        FieldError(f"{prefix}input.{key}", "is a secret since a newer version; start the workflow anew.")
        for key in sorted(secrets & data.input.keys())
    ]
    known = {key: value for key, value in given.items() if key in secrets}
    values, more = filled(definition.input, data.input | known, f"{prefix}input")
    return masked(definition, values), faults + more


def masked(definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a mask for each secret."""
    secrets = secret_fields(definition.input)
    return {key: MASK if key in secrets and value is not None else value for key, value in values.items()}


def new_secrets(definition: Definition, input: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that are given anew: neither left out nor masks."""
    found = {key: input[key] for key in secret_fields(definition.input) & input.keys()}
    return {key: value for key, value in found.items() if isinstance(value, str) and value and not is_mask(value)}


def told(definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they stand in the data of the job: without secrets, and without what is left out."""
    secrets = secret_fields(definition.input)
    return {key: value for key, value in values.items() if key not in secrets and value is not None}


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any], secrets: Mapping[str, str]) -> list[str]:
    """The names of the fields that are different, for who reads what was done."""
    names = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return sorted(names | secrets.keys())


def hold(session: DbSession, run_id: UUID, organization_id: UUID, file_ids: Iterable[UUID]) -> set[UUID]:
    """Keep files from being deleted while the run is there. Returns those that are there."""
    wanted = list(file_ids)
    if not wanted:
        return set()
    files = select(StoredFile.id).where(StoredFile.id.in_(wanted), StoredFile.organization_id == organization_id)
    found = set(session.scalars(files.order_by(StoredFile.id).with_for_update(key_share=True, read=True)))
    if found:
        rows = [{"job_id": run_id, "file_id": one} for one in sorted(found)]
        session.execute(insert(JobInput).values(rows).on_conflict_do_nothing())
    return found


def hold_named(
    session: DbSession, run_id: UUID, organization_id: UUID, definition: Definition, values: Mapping[str, Any]
) -> None:
    """Hold the files that the input of a run names. Raises InvalidInput for one that there is not; then none is."""
    files = named_files(definition, values)
    with session.begin_nested():
        there = hold(session, run_id, organization_id, (file_id for _, file_id in files))
        for field, file_id in files:
            if file_id not in there:
                raise InvalidInput.of(field, f"there is no file {file_id}; upload it first.")


def named_files(definition: Definition, values: Mapping[str, Any]) -> tuple[tuple[str, UUID], ...]:
    """The files that the input of a run names: (field, id)."""
    wanted = (key for key, one in definition.input.items() if one.type == "file" and values.get(key))
    return tuple((f"input.{key}", UUID(values[key])) for key in wanted)
