"""What the page of one job shows beyond the job itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.models import Job, StoredFile
from jobsapp.pages.charts import Chart, charts_of
from jobsapp.pages.forms.fields import Field, fields_of
from jobsapp.pages.previews import Preview, previews_of
from jobsapp.pages.timeline import Step, timeline
from jobsapp.services import Services
from jobsapp.services.views import JobView


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
    timeline: list[Step]
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
        return cls(
            inputs=[row for field, row in rows if not _is_default(field, row.value)] + others,
            defaults=[row for field, row in rows if _is_default(field, row.value)],
            timeline=timeline(job, row.history, allowance=row.allowance),
            previews=previews_of((file, services.files.path(file)) for file in row.artifacts),
            charts=charts_of(services.jobs.metrics(actor, job.id)),
            searchable=job.status == "completed" and services.search.covers(actor, job.id),
            sees_traceback=actor.is_admin,
        )

    def since(self, moment: datetime) -> float:
        """Milliseconds from then until now."""
        return max(0.0, (datetime.now(UTC) - moment).total_seconds() * 1000)


def _row(actor: Actor, services: Services, field: Field, value: Any) -> InputRow:
    files: tuple[StoredFile, ...] = ()
    if field.kind in ("file", "files") and value:
        ids = value if isinstance(value, list) else [value]
        files = tuple(services.files.find(actor, [UUID(str(item)) for item in ids]))
    return InputRow(field.label, value, files)


def _is_default(field: Field, value: Any) -> bool:
    return not field.required and value in (field.default, None, "", [], {})
