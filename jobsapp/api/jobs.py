"""Jobs: create, list, show, cancel, retry."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Response, url_for
from pydantic import BaseModel, ConfigDict, Field

from jobsapp.api.area import FOR_GUESTS, answer, area
from jobsapp.api.etag import is_asked, is_known, state_of, tag_of, tagged
from jobsapp.api.models import Body, Cursor, Flag, IdPath, Number, Query, Text, When, Whole, encode_cursor
from jobsapp.api.problems import told
from jobsapp.api.waiting import WaitHeaders, wait
from jobsapp.auth.current import admits_guests, get_actor, get_reader, services
from jobsapp.core.actors import Actor, Reader
from jobsapp.models import Job
from jobsapp.services.filters import TEXT_LENGTH, refuse_empty
from jobsapp.services.jobs import (
    DESCRIPTION_LENGTH,
    LARGEST_FACTOR,
    LONGEST_SECONDS,
    MAX_ATTEMPTS,
    MAX_PARENTS,
    NAME_LENGTH,
    PRIORITY_BOUND,
    REASON_LENGTH,
    JobFilter,
    NewJob,
    RetryChanges,
)
from jobsapp.services.views import JobView, View

blueprint = area("jobs", "Create jobs and follow them.")


class RetryBody(Body):
    """How long a failed attempt waits for the next: up to `firstSeconds * factor ** (n - 1)` after the n-th failure.

    What is missing is as the type says. How many attempts there may be is `maxAttempts`.
    """

    first_seconds: Number | None = Field(None, ge=0, le=LONGEST_SECONDS)
    """The pause after the first failure."""
    factor: Number | None = Field(None, ge=1, le=LARGEST_FACTOR)
    """By how much each pause is longer than the one before."""
    ceiling_seconds: Number | None = Field(None, ge=0, le=LONGEST_SECONDS)
    """No pause is longer."""
    jitter: Number | None = Field(None, ge=0, le=1)
    """The share of a pause that is drawn at random: 1 spreads jobs that failed together over all of it, 0 does not."""


class EachJobBody(Body):
    """A job of many that are created in one call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "data-conversion",
                    "name": "Customers to JSONL",
                    "data": {"source": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", "targetFormat": "jsonl"},
                }
            ]
        }
    )

    type: Text
    """A job type; `GET /api/types` lists them."""
    data: dict[str, Any]
    """The input, as the type's own schema says."""
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    """For people. Made up from the type and the input if it is missing."""
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    priority: Whole = Field(0, ge=-PRIORITY_BOUND, le=PRIORITY_BOUND)
    """Larger runs first."""
    max_attempts: Whole | None = Field(None, ge=1, le=MAX_ATTEMPTS)
    """How many attempts there may be. Left to the type if it is missing."""
    run_at: When | None = None
    """Not before this time, at most ten years ahead."""
    expires_at: When | None = None
    """If it waits until then, be it for its first attempt or for another, it is cancelled. Running is not cut short.

    After `runAt`, at most ten years ahead. A retry that somebody asks for takes it away.
    """
    timeout_seconds: Number | None = Field(None, gt=0, le=LONGEST_SECONDS)
    """How long one attempt may take. Left to the type if it is missing."""
    retry: RetryBody | None = None
    depends_on: list[UUID] | None = Field(None, max_length=MAX_PARENTS)
    """Ids of jobs that must be completed before it starts. Jobs that are completed already hold it up no more."""
    on_parent_failure: Literal["cancel", "fail", "continue"] = "cancel"
    """What becomes of it if one of those fails or is cancelled: it is cancelled, it fails, or it goes on."""


class NewJobBody(EachJobBody):
    """A new job."""

    secrets_of: UUID | None = None
    """A job of the same type whose secrets are taken: where `data` has `********` as that job's has, its secret stays.

    For who gave them alone (403). A secret that is missing in `data` stays away.
    """


def new_job(body: EachJobBody) -> NewJob:
    """The body as the use cases take it."""
    said = {name: getattr(body, name) for name in type(body).model_fields}
    retry = None if body.retry is None else RetryChanges(**body.retry.model_dump())
    parents = tuple(body.depends_on or ()) or None
    policy = body.on_parent_failure if parents else None
    return NewJob(**said | {"retry": retry, "depends_on": parents, "on_parent_failure": policy})


class NewJobHeaders(BaseModel):
    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A repeat with the same key and body answers 200 with what the first made; another body is a 409.",
    )


class JobHeaders(WaitHeaders):
    if_none_match: str | None = Field(
        None,
        alias="If-None-Match",
        description="The `ETag` of an answer before: 304 without a body if nothing changed since. The tag says nothing "
        "of what moves with the clock or with other jobs: `waitingFor`, `durationMs`, `etaSeconds`, `rate`, "
        "`dependsOn`, `dependents`.",
        json_schema_extra={"example": 'W/"7-0-member"'},
    )


class CancelBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    reason: Text | None = Field(None, max_length=REASON_LENGTH)
    tree: Flag = False
    """Also everything that depends on it, as far down as that goes; of a finished job, only that."""


class RetryJobBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    tree: Flag = False
    """Also the jobs that were cancelled or failed because of it, as far down as that goes: they wait for it again."""


class JobsQuery(Query):
    type: Text | None = None
    status: Literal["pending", "active", "completed", "failed", "cancelled"] | None = None
    queue: Text | None = None
    user: Text | None = Field(None, max_length=TEXT_LENGTH)
    """`me`, or the e-mail address or id of a user."""
    q: Text | None = Field(None, max_length=TEXT_LENGTH)
    """Text in the name or the description."""
    created_after: When | None = Field(None, alias="createdAfter")
    """Created at this moment or later, by the time in the job's id: within milliseconds of its `createdAt`."""
    created_before: When | None = Field(None, alias="createdBefore")
    """Created before this moment."""
    batch: UUID | None = None
    """The id of a batch: its jobs."""
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class FilterBody(Body):
    """As the query of `GET /api/jobs`. What is missing does not narrow."""

    type: Text | None = None
    status: Literal["pending", "active", "completed", "failed", "cancelled"] | None = None
    queue: Text | None = None
    user: Text | None = Field(None, max_length=TEXT_LENGTH)
    q: Text | None = Field(None, max_length=TEXT_LENGTH)
    created_after: When | None = None
    created_before: When | None = None
    batch: UUID | None = None


class JobPage(View):
    """A page of jobs, newest first.

    It may hold fewer than `limit`, or none, and yet have a `nextCursor`: a page looks at 5,000 jobs at most.
    """

    jobs: list[JobView]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one."""
    total: int | None = None
    """How many jobs match, where that costs nothing: the first page holds all of them. Otherwise null."""


def wanted(actor: Actor, asked: JobsQuery | FilterBody) -> JobFilter:
    """The filter that a query string or a body asks for. Raises InvalidInput naming `user` or `createdBefore`."""
    user = None if asked.user is None else services().filters.user_id(actor, asked.user)
    span = (asked.created_after, asked.created_before)
    found = JobFilter(asked.type, asked.status, asked.queue, user, asked.q, *span, asked.batch)
    refuse_empty(found)
    return found


@blueprint.post(
    "/jobs",
    operation_id="createJob",
    responses={200: JobView, 201: JobView, **told(400, 404, 409, 413, 415)},
)
def create(body: NewJobBody, header: NewJobHeaders) -> Response:
    """Create a job; its owner is who asks."""
    job, created = services().jobs.create(get_actor(), new_job(body), idempotency_key=header.idempotency_key)
    status = 201 if created else 200
    return answer(_view(get_actor(), job), status, location=url_for("api_jobs.show", id=job.id))


@blueprint.get("/jobs", operation_id="listJobs", responses={200: JobPage})
def index(query: JobsQuery) -> Response:
    """List the organisation's jobs, newest first."""
    actor = get_actor()
    jobs, last = services().jobs.page(actor, wanted(actor, query), before=query.cursor, limit=query.limit)
    views = [view.seen_by(actor) for view in services().views.jobs(jobs)]
    total = len(views) if query.cursor is None and last is None else None
    return answer(JobPage(jobs=views, next_cursor=encode_cursor(last) if last else None, total=total))


@blueprint.get(
    "/jobs/<uuid:id>",
    operation_id="getJob",
    security=FOR_GUESTS,
    responses={200: JobView, 304: None, **told(404)},
)
@admits_guests
def show(path: IdPath, header: JobHeaders) -> Response:
    """One job. The traceback of its error is shown to administrators only.

    With `Prefer: wait=30` the answer waits for the end of the job, and with `If-None-Match` too for any change. With a
    token for one job: that job, without its input and the ids of users.
    """
    wait(path.id, header, lambda: _is_news(path.id))
    reader = get_reader()
    if is_asked() and is_known(tag := tag_of(reader, services().jobs.state(reader, path.id))):
        return tagged(Response(status=304), tag)
    view = _view(reader, services().jobs.get(reader, path.id))
    return tagged(answer(view), tag_of(reader, state_of(view)))


@blueprint.patch(
    "/jobs/<uuid:id>/cancel",
    operation_id="cancelJob",
    responses={200: JobView, **told(400, 404, 409, 413, 415)},
)
def cancel(path: IdPath, body: CancelBody) -> Response:
    """Cancel a pending job at once; ask an active one to stop. With `tree` also what depends on it."""
    change = services().trees.cancel if body.tree else services().jobs.cancel
    return answer(_view(get_actor(), change(get_actor(), path.id, reason=body.reason)))


@blueprint.post(
    "/jobs/<uuid:id>/retry",
    operation_id="retryJob",
    responses={200: JobView, **told(400, 404, 409, 413, 415)},
)
def retry(path: IdPath, body: RetryJobBody) -> Response:
    """Put a failed or cancelled job back to pending, with a fresh allowance of attempts.

    It waits again for those of its `dependsOn` that are pending or active. With `tree` also what ended with it.
    """
    change = services().trees.retry if body.tree else services().jobs.retry
    return answer(_view(get_actor(), change(get_actor(), path.id)))


@blueprint.delete("/jobs/<uuid:id>", operation_id="deleteJob", responses={204: None, **told(404, 409)})
def delete(path: IdPath) -> Response:
    """Delete a finished job with its files. Administrators only."""
    services().many.delete(get_actor(), path.id)
    return Response(status=204)


def _is_news(job_id: UUID) -> bool:
    """Whether who waits for the job has waited long enough: it changed, or, for who named no state, it ended."""
    reader = get_reader()
    state = services().jobs.state(reader, job_id)
    return not is_known(tag_of(reader, state)) if is_asked() else state.finished


def _view(reader: Reader, job: Job) -> JobView:
    return services().views.job(job).seen_by(reader)
