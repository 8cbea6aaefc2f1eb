"""Schedules: create jobs at certain times."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flask import Response, url_for
from pydantic import ConfigDict, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Cursor, IdPath, Number, Query, Text, When, Whole, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.core.cron import LENGTH
from jobsapp.core.schedules import LONGEST_EVERY, LONGEST_JITTER, MOST_CAUGHT_UP
from jobsapp.services.base import View
from jobsapp.services.filters import TEXT_LENGTH
from jobsapp.services.job_times import LONGEST_SECONDS
from jobsapp.services.new_jobs import DESCRIPTION_LENGTH, MAX_ATTEMPTS, NAME_LENGTH, PRIORITY_BOUND
from jobsapp.services.new_schedules import ZONE_LENGTH, NewSchedule
from jobsapp.services.schedule_views import ScheduleRunView, ScheduleView
from jobsapp.services.schedules import REASON_LENGTH, PreviewView, ScheduleFilter

blueprint = area("schedules", "Schedules: jobs that are created at certain times, by a cron expression or an interval.")

Missed = Literal["skip", "once", "all"]
Overlap = Literal["skip", "queue", "cancel", "allow"]


class TimingBody(Body):
    """Either `cron` or `everySeconds`."""

    cron: Text | None = Field(None, max_length=LENGTH)
    """Five fields: minute, hour, day of month, month, day of week; names, `L` and `#` too, as `0 9 * * MON-FRI`."""
    zone: Text = Field("UTC", max_length=ZONE_LENGTH)
    """On whose clock: a name of the IANA time zone database, as `Europe/Berlin`."""
    every_seconds: Whole | None = Field(None, ge=1, le=LONGEST_EVERY)
    """The time between two runs."""
    anchor: When | None = None
    """From when intervals are counted; now if it is missing."""
    ends_at: When | None = None
    """No run is due after this time, at most ten years ahead."""
    jitter_seconds: Whole = Field(0, ge=0, le=LONGEST_JITTER)
    """By up to so much each run is late, so that not all are at once. Less than the time between two runs."""


class ScheduleBody(TimingBody):
    type: Text
    """A job type; `GET /api/types` lists them."""
    data: dict[str, Any]
    """The input of each job, as the type's own schema says."""
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    """For people, also of its jobs. Made up from the type and the input if it is missing."""
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    priority: Whole = Field(0, ge=-PRIORITY_BOUND, le=PRIORITY_BOUND)
    max_attempts: Whole | None = Field(None, ge=1, le=MAX_ATTEMPTS)
    timeout_seconds: Number | None = Field(None, gt=0, le=LONGEST_SECONDS)
    missed: Missed = "once"
    """What happens when nobody was there to create jobs that were due: none, one for all, or the last `missedLimit`."""
    missed_limit: Whole = Field(10, ge=1, le=MOST_CAUGHT_UP)
    overlap: Overlap = "skip"
    """What happens when a run is due and the last job has not ended: no new one, the new one waits for its end, the old
    one is cancelled and the new one waits until it has stopped, or both run."""


class ScheduleChanges(Body):
    """What is missing stays. Giving `cron` takes `everySeconds` away, and the other way round."""

    cron: Text | None = Field(None, max_length=LENGTH)
    zone: Text = Field("UTC", max_length=ZONE_LENGTH)
    every_seconds: Whole | None = Field(None, ge=1, le=LONGEST_EVERY)
    anchor: When | None = None
    ends_at: When | None = None
    """Null: it does not end."""
    jitter_seconds: Whole = Field(0, ge=0, le=LONGEST_JITTER)
    data: dict[str, Any] = Field(default_factory=dict)
    """Whoever gives other data to somebody else's schedule owns it from then on. A secret that is given as its mask
    stays, for the owner alone."""
    name: Text | None = Field(None, max_length=NAME_LENGTH)
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    priority: Whole = Field(0, ge=-PRIORITY_BOUND, le=PRIORITY_BOUND)
    max_attempts: Whole | None = Field(None, ge=1, le=MAX_ATTEMPTS)
    timeout_seconds: Number | None = Field(None, gt=0, le=LONGEST_SECONDS)
    missed: Missed = "once"
    missed_limit: Whole = Field(10, ge=1, le=MOST_CAUGHT_UP)
    overlap: Overlap = "skip"


class SchedulePauseBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    reason: Text | None = Field(None, max_length=REASON_LENGTH)


class SchedulesQuery(Query):
    type: Text | None = None
    status: Literal["active", "paused", "ended"] | None = None
    user: Text | None = Field(None, max_length=TEXT_LENGTH)
    """`me`, or the e-mail address or id of its owner."""
    job: UUID | None = None
    """The schedule that created this job."""
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None


class ScheduleRunsQuery(Query):
    before: When | None = None
    """`nextBefore` of the page before."""
    limit: int = Field(50, ge=1, le=200)


class SchedulePage(View):
    schedules: list[ScheduleView]
    """The newest first."""
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one."""


class ScheduleRunPage(View):
    runs: list[ScheduleRunView]
    """The latest first. The last 1,000 of a schedule are kept."""
    next_before: datetime | None
    """Give it as `before` for the next page; null: this is the last one."""


@blueprint.get("/schedules", operation_id="listSchedules", responses={200: SchedulePage})
def index(query: SchedulesQuery) -> Response:
    """The organisation's schedules, the newest first."""
    actor = get_actor()
    user = None if query.user is None else services().filters.user_id(actor, query.user)
    wanted = ScheduleFilter(query.type, query.status, user, query.job)
    found, last = services().schedules.page(actor, wanted, before=query.cursor, limit=query.limit)
    return answer(SchedulePage(schedules=found, next_cursor=encode_cursor(last) if last else None))


@blueprint.post("/schedules", operation_id="createSchedule", responses={201: ScheduleView, **told(400, 409, 413, 415)})
def create(body: ScheduleBody) -> Response:
    """Create a schedule. Its jobs belong to who creates it."""
    made = services().schedules.create(get_actor(), NewSchedule(**_said(body)))
    return answer(made, 201, location=url_for("api_schedules.show", id=made.id))


@blueprint.post(
    "/schedules/preview", operation_id="previewSchedule", responses={200: PreviewView, **told(400, 413, 415)}
)
def preview(body: TimingBody) -> Response:
    """What a timing means, in words, and the next five runs. Nothing is kept."""
    return answer(services().schedules.preview(get_actor(), NewSchedule(type="", data={}, **_said(body))))


@blueprint.get("/schedules/<uuid:id>", operation_id="getSchedule", responses={200: ScheduleView, **told(404)})
def show(path: IdPath) -> Response:
    """One schedule."""
    return answer(services().schedules.get(get_actor(), path.id))


@blueprint.patch(
    "/schedules/<uuid:id>",
    operation_id="changeSchedule",
    responses={200: ScheduleView, **told(400, 404, 409, 413, 415)},
)
def change(path: IdPath, body: ScheduleChanges) -> Response:
    """Change a schedule. If its timing changes, its next run is planned from now on."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    return answer(services().schedules.edit(get_actor(), path.id, changes))


@blueprint.delete("/schedules/<uuid:id>", operation_id="deleteSchedule", responses={204: None, **told(404, 409)})
def delete(path: IdPath) -> Response:
    """Delete a schedule with its history. Its jobs stay."""
    services().schedules.delete(get_actor(), path.id)
    return Response(status=204)


@blueprint.post(
    "/schedules/<uuid:id>/pause",
    operation_id="pauseSchedule",
    responses={200: ScheduleView, **told(400, 404, 409, 413, 415)},
)
def pause(path: IdPath, body: SchedulePauseBody) -> Response:
    """Let nothing be due until it is resumed."""
    return answer(services().schedules.pause(get_actor(), path.id, reason=body.reason))


@blueprint.post(
    "/schedules/<uuid:id>/resume", operation_id="resumeSchedule", responses={200: ScheduleView, **told(404)}
)
def resume(path: IdPath) -> Response:
    """Plan the next run from now on. What was due meanwhile is not made."""
    return answer(services().schedules.resume(get_actor(), path.id))


@blueprint.post(
    "/schedules/<uuid:id>/run", operation_id="runSchedule", responses={201: ScheduleRunView, **told(404, 409)}
)
def run(path: IdPath) -> Response:
    """Create a job now, whatever is due or runs."""
    return answer(services().schedules.run(get_actor(), path.id), 201)


@blueprint.get(
    "/schedules/<uuid:id>/runs", operation_id="listScheduleRuns", responses={200: ScheduleRunPage, **told(404)}
)
def runs(path: IdPath, query: ScheduleRunsQuery) -> Response:
    """What came of the times at which it was due, the latest first."""
    found, before = services().schedules.runs(get_actor(), path.id, before=query.before, limit=query.limit)
    return answer(ScheduleRunPage(runs=found, next_before=before))


def _said(body: TimingBody) -> dict[str, Any]:
    return {name: getattr(body, name) for name in type(body).model_fields}
