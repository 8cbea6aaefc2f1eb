"""What the page of one job shows beyond the job itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
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
    is_default: bool = False


@dataclass(frozen=True)
class NextStep:
    """A form that begins with one of the job's files."""

    label: str
    address: str


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
    next_steps: list[NextStep]
    sees_traceback: bool
    schedule: tuple[UUID, str] | None
    """Id and name of the one that created it."""

    @classmethod
    def of(cls, actor: Actor, services: Services, job: JobView, row: Job) -> ShownJob:
        job_type = services.registry.find(job.type)
        fields = fields_of(job_type.processor.Input) if job_type else []
        rows = [_row(actor, services, field, value) for field, value in _values(fields, job.data)]
        known = {field.key for field in fields}
        others = [InputRow(key, value) for key, value in job.data.items() if key not in known]
        return cls(
            inputs=[row for row in rows if not row.is_default] + others,
            defaults=[row for row in rows if row.is_default],
            timeline=timeline(job, row.history, allowance=row.allowance),
            previews=previews_of((file, services.files.path(file)) for file in row.artifacts),
            charts=charts_of(services.jobs.metrics(actor, job.id)),
            searchable=job.status == "completed" and services.search.covers(actor, job.id),
            next_steps=_next_steps(services, job, row.artifacts),
            sees_traceback=actor.is_admin,
            schedule=services.schedules.of_job(actor, job.id),
        )

    def since(self, moment: datetime) -> float:
        """Milliseconds from then until now."""
        return max(0.0, (datetime.now(UTC) - moment).total_seconds() * 1000)


def _next_steps(services: Services, job: JobView, artifacts: list[StoredFile]) -> list[NextStep]:
    job_type = services.registry.find(job.type)
    if job_type is None or job.status != "completed":
        return []
    found = []
    for follow_up in job_type.processor.follow_ups:
        follower = services.registry.find(follow_up.type or job.type)
        file = next((one for one in artifacts if one.name == follow_up.artifact), None)
        if file is not None and follower is not None and not follower.missing:
            said = {
                f"data.{key}": value for key, value in {**(follow_up.data or {}), follow_up.field: str(file.id)}.items()
            }
            query = urlencode(({"from": str(job.id)} if follow_up.same else {}) | said)
            found.append(NextStep(follow_up.label, f"/jobs/new/{follower.name}?{query}"))
    return found


def _values(fields: list[Field] | tuple[Field, ...], data: dict[str, Any]) -> Iterator[tuple[Field, Any]]:
    """Each field that the input has, those within groups as well."""
    for field in fields:
        if field.key in data:
            value = data[field.key]
            if field.kind == "group" and isinstance(value, dict):
                yield from _values(field.fields, value)
            else:
                yield field, value


def _row(actor: Actor, services: Services, field: Field, value: Any) -> InputRow:
    files: tuple[StoredFile, ...] = ()
    if field.kind in ("file", "files") and value:
        ids = value if isinstance(value, list) else [value]
        files = tuple(services.files.find(actor, [UUID(str(item)) for item in ids]))
    chosen = next((one.label for one in field.choices if field.kind == "choice" and one.value == value), value)
    return InputRow(field.label, chosen, files, _is_default(field, value))


def _is_default(field: Field, value: Any) -> bool:
    return not field.required and value in (field.default, None, "", [], {})
