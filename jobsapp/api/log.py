"""The log of a job."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import IdPath, Query
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.views import Moment, View

LARGEST_ID = 2**63 - 1

blueprint = area("logs", "What jobs wrote while they ran.")


class LogQuery(Query):
    after: int = Field(0, ge=0, le=LARGEST_ID)
    """`nextAfter` of the answer before: only lines that came later."""
    limit: int = Field(500, ge=1, le=1000)


class LogLineView(View):
    id: int
    attempt: int
    at: Moment
    level: str
    message: str


class LogPage(View):
    """Lines of a log, oldest first."""

    lines: list[LogLineView]
    next_after: int
    """Give it as `after` to go on from here, now or later."""


@blueprint.get("/jobs/<uuid:id>/log", operation_id="getJobLog", responses={200: LogPage, **told(404)})
def show(path: IdPath, query: LogQuery) -> Response:
    """Lines of a job's log, oldest first."""
    rows = services().jobs.log(get_actor(), path.id, after=query.after, limit=query.limit)
    lines = [LogLineView.model_validate(row, from_attributes=True) for row in rows]
    return answer(LogPage(lines=lines, next_after=lines[-1].id if lines else query.after))
