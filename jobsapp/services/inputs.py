"""The stored files that new jobs read: found, and held as long as the jobs are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from jobsapp.core.actors import Actor
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import JobInput, ScheduleInput
from jobsapp.processors.presets import file_fields
from jobsapp.services.files import Files
from jobsapp.services.many import as_table
from jobsapp.services.sessions import DbSession

# A statement may have 65,535 parameters.
NAMES_AT_ONCE = 50_000


class Inputs:
    def __init__(self, session: DbSession, files: Files) -> None:
        self._session = session
        self._files = files

    def names(self, actor: Actor, inputs: Iterable[BaseModel]) -> dict[UUID, str]:
        """The names, by id, of those files in the inputs that the actor's organisation has."""
        wanted = list({file_id for data in inputs for _, file_id in file_ids(data)})
        found: dict[UUID, str] = {}
        for start in range(0, len(wanted), NAMES_AT_ONCE):
            found |= self._files.names(actor, wanted[start : start + NAMES_AT_ONCE])
        return found

    def hold(self, pairs: Iterable[tuple[UUID, UUID]]) -> None:
        """Hold files for new jobs: (file id, job id). Raises IntegrityError if a cleanup deleted one a moment ago."""
        # In the order in which a cleanup locks them: neither waits for the other in a circle.
        rows = [{"file_id": file_id, "job_id": job_id} for file_id, job_id in sorted(pairs)]
        if rows:
            given = as_table(JobInput, rows)
            self._session.execute(insert(JobInput).from_select(list(rows[0]), select(given)))

    def hold_for_schedule(self, schedule_id: UUID, organization_id: UUID, files: Iterable[UUID]) -> None:
        """Hold these files for the jobs of a schedule, and no others any more. Raises InvalidInput if a cleanup deleted
        one a moment ago."""
        held = ScheduleInput
        self._session.flush()
        self._session.execute(delete(held).where(held.schedule_id == schedule_id))
        of = {"schedule_id": schedule_id, "organization_id": organization_id}
        rows = [{"file_id": file_id, **of} for file_id in sorted(set(files))]
        if not rows:
            return
        try:
            with self._session.begin_nested():
                self._session.execute(insert(held).values(rows))
        except IntegrityError:
            raise InvalidInput.of("data", "a file that it names was deleted just now; upload it again.") from None


def files_of(data: BaseModel, known: Mapping[UUID, str]) -> dict[UUID, str]:
    """The names, by id, of the input's files in its order. Raises InvalidInput naming each that is not known."""
    named = file_ids(data)
    missing = tuple(
        FieldError(f"data.{field}", f"there is no file {file_id}; upload it first.")
        for field, file_id in named
        if file_id not in known
    )
    if missing:
        raise InvalidInput("; ".join(f"{fault.field}: {fault.message}" for fault in missing), errors=missing)
    return {file_id: known[file_id] for _, file_id in named}


def file_ids(data: BaseModel) -> list[tuple[str, UUID]]:
    """The stored files that an input names: (field as on the wire, id). `Workflows.admit` tells those of a run."""
    fields = file_fields(type(data))
    values = data.model_dump(by_alias=True) if fields else {}
    found: list[tuple[str, UUID]] = []
    for field in fields:
        value = values.get(field)
        if value is not None:
            found += [(field, item) for item in (value if isinstance(value, list) else [value])]
    return [*found, *getattr(data, "named_files", ())]
