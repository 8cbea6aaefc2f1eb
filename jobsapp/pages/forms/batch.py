"""The form of a batch: one job for each of many files, all else as the form of one job has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from werkzeug.datastructures import MultiDict

from jobsapp.errors import FieldError, InvalidInput
from jobsapp.pages.forms.fields import Field, fields_of
from jobsapp.pages.forms.job import COMMON, JobForm
from jobsapp.pages.forms.posted import Posted
from jobsapp.processors.registry import JobType
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import DESCRIPTION_LENGTH, NAME_LENGTH, NewJob

MOST_FILES = 1000
OF_A_JOB = re.compile(r"^jobs\[(\d+)\]\.?")
NAME = Field("name", "name", "text", "Name of the batch", "Empty: named for how many jobs it has.",
             max_length=NAME_LENGTH)  # fmt: skip
OF_ALL = ("description", "priority", "max_attempts", "timeout_seconds")


def file_field(job_type: JobType) -> Field | None:
    """The field in which each job has a file of its own: the first that takes files. None: the type takes none."""
    fields = fields_of(job_type.processor.Input)
    return next((item for item in fields if item.kind in ("file", "files") and not item.advanced), None)


class BatchForm(JobForm):
    """What a JobForm is, with many files where that has one."""

    common = (NAME, *(item for item in COMMON if item.key in OF_ALL))
    moments: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @classmethod
    def fields_for(cls, job_type: JobType) -> list[Field]:
        each = file_field(job_type)
        found = super().fields_for(job_type)
        return [_many(item) if item == each else item for item in found]

    def new_batch(self, posted: Posted) -> tuple[NewBatch, list[NewJob]]:
        """What the form asks for. Raises InvalidInput for what cannot be read at all."""
        field = file_field(self.type)
        ids = posted.getlist(field.name) if field else []
        if field is None or not ids:
            raise InvalidInput.of(field.name if field else "", "Choose the files.")
        if len(ids) > MOST_FILES:
            raise InvalidInput.of(field.name, f"Choose up to {MOST_FILES:,} files at once.")
        name = posted.get("name", "").strip()[:NAME_LENGTH] or None
        description = posted.get("description", "").strip()[:DESCRIPTION_LENGTH]
        return NewBatch(name=name, description=description), [self._job(field, one, posted) for one in ids]

    def _job(self, field: Field, file_id: str, posted: Posted) -> NewJob:
        of_file = MultiDict(posted)
        of_file.setlist(field.name, [file_id])
        one = JobForm(self.type, JobForm.fields_for(self.type), {})
        return replace(one.new_job(of_file), name=None, description="")

    def refuse_jobs(self, error: InvalidInput, names: Mapping[str, str]) -> None:
        """As `refuse`, for faults of jobs, which tell of their files instead. `names`: those of the files, by id."""
        self.refuse(InvalidInput(error.detail, errors=tuple(self._of_file(one, names) for one in error.errors)))

    def _of_file(self, fault: FieldError, names: Mapping[str, str]) -> FieldError:
        found, field = OF_A_JOB.match(fault.field), file_field(self.type)
        name = fault.field[found.end() :] if found else fault.field
        if not found or field is None or not name.startswith(field.name):
            return FieldError(name, fault.message)
        file_id = self.texts[field.name][int(found[1])]
        return FieldError(field.name, f"{names.get(file_id, file_id)}: {fault.message}")


def _many(field: Field) -> Field:
    return replace(
        field, kind="files", required=True, label="Files", help=f"One job for each of them. {field.help}".strip()
    )
