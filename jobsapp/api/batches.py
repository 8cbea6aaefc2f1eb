"""Batches: many jobs under one name."""

from __future__ import annotations

from typing import Any, Literal, cast
from uuid import UUID

from flask import Response, request, url_for
from pydantic import ConfigDict, Field, SkipValidation

from jobsapp.api.area import answer, area
from jobsapp.api.bulk import BulkJobBody, CreatedJobs, read_entry
from jobsapp.api.jobs import CancelBody, JobPage, NewJobHeaders
from jobsapp.api.models import Body, Cursor, Flag, IdPath, Number, Query, Text, Whole, encode_cursor
from jobsapp.api.problems import BULK_LIMIT_BYTES, JSON_LIMIT_BYTES, told
from jobsapp.auth.current import get_actor, services
from jobsapp.errors import InvalidInput
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batch_views import BatchView, FailureView
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import DESCRIPTION_LENGTH, MAX_JOBS, NAME_LENGTH, PRIORITY_BOUND, JobFilter, NewJob
from jobsapp.services.new_jobs import LARGEST_WEIGHT
from jobsapp.services.views import ArtifactView, View, artifact_view

blueprint = area(
    "batches", "Many jobs under one name, followed as one.", limit_bytes=BULK_LIMIT_BYTES, unchecked=("jobs",)
)


class BatchJobBody(BulkJobBody):
    """A job of a batch."""

    weight: Number | None = Field(None, gt=0, le=LARGEST_WEIGHT)
    """What it is expected to cost beside the others. Missing: the seconds that jobs of its type took lately, by the
    median, or 1 where that is not known."""


class CallbackBody(Body):
    """A job that the batch lets run later, on behalf of its owner."""

    type: Text
    data: dict[str, Any] = Field(default_factory=dict)
    """The input. `$batchId` in a text of it stands for the id of the batch. It may hold no secret."""
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    priority: Whole = Field(0, ge=-PRIORITY_BOUND, le=PRIORITY_BOUND)


class BatchBody(Body):
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    """For people. Made up if it is missing."""
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    # Each entry is read by the call, as in `createJobs`.
    jobs: list[SkipValidation[BatchJobBody]] = Field(default_factory=list, max_length=MAX_JOBS)
    """Its first jobs, all created or none. Faults are named by index, as `jobs[17].data.source`."""
    closed: Flag | None = None
    """Whether no more jobs may be added. Missing: true if it has jobs."""
    on_complete: CallbackBody | None = None
    """Runs once, when the batch is closed and all its jobs have ended, however."""
    on_success: CallbackBody | None = None
    """Runs once, when the batch is closed and all its jobs have completed, if need be after a retry."""
    on_failure: CallbackBody | None = None
    """Runs once, when the first of its jobs has failed for good."""


class BatchJobsBody(Body):
    jobs: list[SkipValidation[BatchJobBody]] = Field(min_length=1, max_length=MAX_JOBS)
    """All created or none; up to 100,000 in the batch, in several calls."""


class BatchRetryBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    cancelled: Flag = False
    """Retry what was cancelled too."""


class BatchesQuery(Query):
    limit: int = Field(50, ge=1, le=100)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class BatchJobsQuery(BatchesQuery):
    status: Literal["pending", "active", "completed", "failed", "cancelled"] | None = None


class BatchPage(View):
    """A page of batches, newest first."""

    batches: list[BatchView]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one."""


class CreatedBatchView(View):
    """A batch that was created, and the ids of its first jobs in the order of the request."""

    batch: BatchView
    ids: list[UUID]


class FailureList(View):
    """Why jobs of a batch failed, the most frequent first: the first 20 kinds, among the 10,000 newest that failed."""

    failures: list[FailureView]


CHANGED = {200: BatchView, **told(400, 404, 409, 413, 415)}


@blueprint.post(
    "/batches",
    operation_id="createBatch",
    responses={200: CreatedBatchView, 201: CreatedBatchView, **told(400, 409, 413, 415)},
)
def create(body: BatchBody, header: NewJobHeaders) -> Response:
    """Create a batch with up to 10,000 jobs, all or nothing; its owner is who asks."""
    actor = get_actor()
    made = services().batches.create(actor, _new(body), _entries(body.jobs), idempotency_key=header.idempotency_key)
    view = CreatedBatchView(batch=services().batch_views.get(actor, made.id), ids=made.job_ids)
    return answer(view, 201 if made.created else 200, location=url_for("api_batches.show", id=made.id))


@blueprint.get("/batches", operation_id="listBatches", responses={200: BatchPage})
def index(query: BatchesQuery) -> Response:
    """List the organisation's batches, newest first."""
    found, last = services().batch_views.page(get_actor(), before=query.cursor, limit=query.limit)
    return answer(BatchPage(batches=found, next_cursor=encode_cursor(last) if last else None))


@blueprint.get("/batches/<uuid:id>", operation_id="getBatch", responses={200: BatchView, **told(404)})
def show(path: IdPath) -> Response:
    """One batch, with its numbers as they are at this moment."""
    return answer(services().batch_views.get(get_actor(), path.id))


@blueprint.get("/batches/<uuid:id>/jobs", operation_id="listBatchJobs", responses={200: JobPage, **told(404)})
def jobs(path: IdPath, query: BatchJobsQuery) -> Response:
    """The jobs of a batch, newest first."""
    actor = get_actor()
    services().batches.get(actor, path.id)
    wanted = JobFilter(batch_id=path.id, status=query.status)
    found, last = services().jobs.page(actor, wanted, before=query.cursor, limit=query.limit)
    views = [view.seen_by(actor) for view in services().views.jobs(found)]
    return answer(JobPage(jobs=views, next_cursor=encode_cursor(last) if last else None))


@blueprint.post(
    "/batches/<uuid:id>/jobs",
    operation_id="addBatchJobs",
    responses={200: CreatedJobs, 201: CreatedJobs, **told(400, 404, 409, 413, 415)},
)
def add(path: IdPath, body: BatchJobsBody, header: NewJobHeaders) -> Response:
    """Create 1 to 10,000 more jobs of a batch that is not closed, all or none."""
    key = header.idempotency_key
    added = services().batches.add(get_actor(), path.id, _entries(body.jobs), idempotency_key=key)
    return answer(CreatedJobs(ids=added.ids, count=len(added.ids)), 201 if added.created else 200)


@blueprint.post("/batches/<uuid:id>/close", operation_id="closeBatch", responses={200: BatchView, **told(404)})
def close(path: IdPath) -> Response:
    """Let no more jobs be added. With its last job it ends."""
    services().batches.close(get_actor(), path.id)
    return answer(services().batch_views.get(get_actor(), path.id))


@blueprint.post("/batches/<uuid:id>/cancel", operation_id="cancelBatch", responses=CHANGED)
def cancel(path: IdPath, body: CancelBody) -> Response:
    """Close it, cancel what waits and ask what runs to stop.

    Of very many jobs a part is done when the answer comes: `changing` is `cancel` until it is done.
    """
    services().batch_changes.cancel(get_actor(), path.id, reason=body.reason)
    return answer(services().batch_views.get(get_actor(), path.id))


@blueprint.post("/batches/<uuid:id>/retry", operation_id="retryBatch", responses=CHANGED)
def retry(path: IdPath, body: BatchRetryBody) -> Response:
    """Put the jobs that failed back to pending, with a fresh allowance of attempts.

    Of very many a part is done when the answer comes: `changing` is `retry` until it is done.
    """
    services().batch_changes.retry(get_actor(), path.id, cancelled=body.cancelled)
    return answer(services().batch_views.get(get_actor(), path.id))


@blueprint.get(
    "/batches/<uuid:id>/failures", operation_id="listBatchFailures", responses={200: FailureList, **told(404)}
)
def failures(path: IdPath) -> Response:
    """Why its jobs failed."""
    return answer(FailureList(failures=services().batch_views.failures(get_actor(), path.id)))


@blueprint.post(
    "/batches/<uuid:id>/results",
    operation_id="collectBatchResults",
    responses={200: ArtifactView, 201: ArtifactView, **told(404)},
)
def results(path: IdPath) -> Response:
    """Collect what came of its jobs into a file.

    A line of JSON each, `{id, name, type, status, result, error}`, in the order of creation. 200 with the file that is
    there if nothing changed since the batch ended.
    """
    file, created = services().batch_results.collect(get_actor(), path.id)
    return answer(artifact_view(file), 201 if created else 200)


def _new(body: BatchBody) -> NewBatch:
    said = {"complete": body.on_complete, "success": body.on_success, "failure": body.on_failure}
    callbacks = {when: Callback(**one.model_dump()) for when, one in said.items() if one is not None}
    return NewBatch(body.name, body.description, body.closed, callbacks)


def _entries(jobs: list[Any]) -> list[NewJob | InvalidInput]:
    # In a small body nothing is too large for one job.
    large = len(request.get_data()) > JSON_LIMIT_BYTES
    return [read_entry(entry, BatchJobBody, measure=large) for entry in cast("list[Any]", jobs)]
