"""What the page of one job shows beyond the job itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.models import Job, JobAttempt, JobLog, StoredFile
from jobsapp.pages.charts import Chart, charts_of
from jobsapp.pages.forms.fields import Field, fields_of
from jobsapp.pages.previews import Preview, previews_of
from jobsapp.services import Services
from jobsapp.services.views import JobView

LOG_LINES = 500


@dataclass(frozen=True)
class InputRow:
    """One value of the input under the label that the form gives it. `files` if it names stored files."""

    label: str
    value: Any
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True)
class ShownJob:
    inputs: list[InputRow]
    defaults: list[InputRow]
    """Inputs left as they come."""
    attempts: list[JobAttempt]
    log: list[JobLog]
    """Its last lines."""
    log_is_longer: bool
    charts: list[Chart]
    previews: list[Preview]
    searchable: bool
    """Its documents can be searched."""
    sees_traceback: bool

    @classmethod
    def of(cls, actor: Actor, services: Services, job: JobView, row: Job) -> ShownJob:
        job_type = services.registry.find(job.type)
        fields = fields_of(job_type.processor.Input) if job_type else []
        rows = [(field, _row(actor, services, field, job.data[field.key])) for field in fields if field.key in job.data]
        known = {field.key for field in fields}
        others = [InputRow(key, value) for key, value in job.data.items() if key not in known]
        log, log_is_longer = services.jobs.log_end(actor, job.id, limit=LOG_LINES)
        return cls(
            inputs=[row for field, row in rows if not _is_default(field, row.value)] + others,
            defaults=[row for field, row in rows if _is_default(field, row.value)],
            attempts=row.history,
            log=log,
            log_is_longer=log_is_longer,
            previews=previews_of((file, services.files.path(file)) for file in row.artifacts),
            charts=charts_of(services.jobs.metrics(actor, job.id)),
            searchable=job.status == "completed" and services.search.covers(actor, job.id),
            sees_traceback=actor.is_admin,
        )


def _row(actor: Actor, services: Services, field: Field, value: Any) -> InputRow:
    files: tuple[StoredFile, ...] = ()
    if field.kind in ("file", "files") and value:
        ids = value if isinstance(value, list) else [value]
        files = tuple(services.files.find(actor, [UUID(str(item)) for item in ids]))
    return InputRow(field.label, value, files)


def _is_default(field: Field, value: Any) -> bool:
    return not field.required and value in (field.default, None, "", [], {})
