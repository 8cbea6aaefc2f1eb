"""Job types: what can be created, and how its input looks."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jobsapp.api.area import answer, area
from jobsapp.api.models import Text
from jobsapp.api.problems import told
from jobsapp.auth.current import services
from jobsapp.errors import NotFound
from jobsapp.processors.registry import JobType
from jobsapp.services.views import View

blueprint = area("types", "Job types and their input.")


class TypeView(View):
    """A job type. `inputSchema` is the JSON Schema of `data`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)

    type: str
    title: str
    description: str
    icon: str
    queue: str
    available: bool
    unavailable_reason: str | None
    """Why the type cannot run here, and what to install; null if it can."""
    max_attempts: int
    """What a job gets if it names none."""
    input_schema: dict[str, Any]


class TypePath(BaseModel):
    type: Text = Field(max_length=200)


class TypeList(View):
    types: list[TypeView]


@blueprint.get("/types", operation_id="listTypes", responses={200: TypeList})
def index() -> Response:
    """All job types with the JSON Schema of their input."""
    return answer(TypeList(types=[_view(job_type) for job_type in services().registry]))


@blueprint.get("/types/<type>", operation_id="getType", responses={200: TypeView, **told(404)})
def show(path: TypePath) -> Response:
    """One job type with the JSON Schema of its input."""
    job_type = services().registry.find(path.type)
    if job_type is None:
        raise NotFound(f"There is no job type {path.type!r}; GET /api/types lists them.")
    return answer(_view(job_type))


def _view(job_type: JobType) -> TypeView:
    return TypeView(
        type=job_type.name,
        title=job_type.title,
        description=job_type.description,
        icon=job_type.icon,
        queue=job_type.queue,
        available=not job_type.missing,
        unavailable_reason=job_type.missing or None,
        max_attempts=job_type.processor.retry.attempts,
        input_schema=job_type.processor.Input.model_json_schema(by_alias=True),
    )
