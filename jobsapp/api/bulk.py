"""Many jobs in one call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from flask import Response, request
from pydantic import ConfigDict, Field, SkipValidation, ValidationError

from jobsapp.api.area import answer, area
from jobsapp.api.jobs import EachJobBody, NewJobHeaders, new_job
from jobsapp.api.models import Body, Text
from jobsapp.api.problems import BULK_LIMIT_BYTES, JSON_LIMIT_BYTES, MIB, told
from jobsapp.auth.current import get_actor, services
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.processors.registry import invalid
from jobsapp.services.jobs import MAX_JOBS, MAX_PARENTS, REF_LENGTH, NewJob
from jobsapp.services.views import View

blueprint = area("bulk", "Create many jobs in one call.", limit_bytes=BULK_LIMIT_BYTES, unchecked=("jobs",))


class BulkJobBody(EachJobBody):
    """A job of a call that creates many."""

    ref: Text | None = Field(None, min_length=1, max_length=REF_LENGTH)
    """A name for it within this call, by which others of the call depend on it. It is not kept."""
    depends_on: list[Text] | None = Field(None, max_length=MAX_PARENTS)  # type: ignore[assignment]
    """Refs of jobs of this call, in any order, and ids of jobs that were there before."""


class BulkBody(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "jobs": [
                        {
                            "type": "data-conversion",
                            "ref": "lines",
                            "data": {"source": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", "targetFormat": "jsonl"},
                        },
                        {
                            "type": "data-conversion",
                            "data": {"source": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", "targetFormat": "parquet"},
                            "dependsOn": ["lines"],
                        },
                    ]
                }
            ]
        }
    )

    # Each entry is read by the call, so that one answer tells the faults of all, of their shape and of their data.
    jobs: list[SkipValidation[BulkJobBody]] = Field(min_length=1, max_length=MAX_JOBS)
    """They run in this order where their priority is the same. The body may have 16 MiB, each job 4 MiB.

    Faults are named by index, as `jobs[17].data.source`: those of the first 100 jobs that have some.
    """


class CreatedJobs(View):
    """What was created. `ids` stand in the order of the request."""

    ids: list[UUID]
    count: int


@blueprint.post(
    "/jobs/bulk",
    operation_id="createJobs",
    responses={200: CreatedJobs, 201: CreatedJobs, **told(400, 409, 413, 415)},
)
def create(body: BulkBody, header: NewJobHeaders) -> Response:
    """Create 1 to 10,000 jobs, all or none; their owner is who asks.

    They may depend on one another, by their `ref`s, in any order.
    """
    # In a small body nothing is too large for one job.
    large = len(request.get_data()) > JSON_LIMIT_BYTES
    entries = [read_entry(entry, measure=large) for entry in cast("list[Any]", body.jobs)]
    ids, created = services().jobs.create_many(get_actor(), entries, idempotency_key=header.idempotency_key)
    return answer(CreatedJobs(ids=ids, count=len(ids)), 201 if created else 200)


def read_entry(entry: Any, kind: type[EachJobBody] = BulkJobBody, *, measure: bool) -> NewJob | InvalidInput:
    """The job that an entry asks for, or what is wrong with it. `measure`: it may be too large."""
    if not isinstance(entry, dict):
        return _faulty("send a JSON object")
    # Checking costs memory by the size of one entry: no more than in a call of its own.
    if measure and _characters(entry) > JSON_LIMIT_BYTES:
        return _faulty(f"may have {JSON_LIMIT_BYTES // MIB} MiB")
    try:
        refuse_faults(**entry)
        return _with_ids(new_job(kind.model_validate(entry)))
    except ValidationError as error:
        return invalid(error)
    except InvalidInput as fault:
        return fault


def _with_ids(new: NewJob) -> NewJob:
    """What reads as the id of a job is one; all else in `depends_on` is a ref."""
    if new.depends_on is None:
        return new
    return replace(new, depends_on=tuple(_id_or_ref(str(one)) for one in new.depends_on))


def _id_or_ref(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text


def _characters(entry: dict[str, Any]) -> int:
    try:
        return len(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
    except RecursionError:
        # So deep that it will be refused for that, long before all of it was looked at.
        return 0


def _faulty(message: str) -> InvalidInput:
    return InvalidInput(message, errors=(FieldError("", message),))
