"""The log of a job."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import IdPath, Query
from jobsapp.api.problems import told
from jobsapp.api.waiting import WaitHeaders, wait
from jobsapp.auth.current import get_actor, services
from jobsapp.models import JobLog
from jobsapp.services.logs import LogFilter
from jobsapp.services.views import Moment, View

LARGEST_ID = 2**63 - 1

blueprint = area("logs", "What jobs wrote while they ran.")


class LogQuery(Query):
    after: int = Field(0, ge=0, le=LARGEST_ID)
    """`nextAfter` of the answer before: only lines that came later."""
    before: int | None = Field(None, ge=0, le=LARGEST_ID)
    """`nextBefore` of the answer before: the last lines of those that came earlier."""
    tail: bool = False
    """The last lines, instead of the first ones."""
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
    next_before: int | None = None
    """Give it as `before` to go back from here; null: nothing came earlier, or it was not asked for."""
    ended: bool
    """The job has ended and this is all that it wrote after `after`: nothing follows, unless it is retried."""


@blueprint.get("/jobs/<uuid:id>/log", operation_id="getJobLog", responses={200: LogPage, **told(404)})
def show(path: IdPath, query: LogQuery, header: WaitHeaders) -> Response:
    """Lines of a job's log, oldest first: from the beginning, after a line, the last ones, or those before a line.

    To follow it, give `nextAfter` as `after` each time, with `Prefer: wait=30`: the answer then waits until there is a
    further line, or the job ended.
    """
    if query.tail or query.before is not None:
        return _back(path, query)
    wait(path.id, header, lambda: services().logs.is_news(get_actor(), path.id, after=query.after))
    # Before its lines are read: whoever ends a job has written all of them.
    finished = services().jobs.state(get_actor(), path.id).finished
    rows = services().jobs.log(get_actor(), path.id, after=query.after, limit=query.limit)
    return answer(_page(rows, query, ended=finished and len(rows) < query.limit))


def _back(path: IdPath, query: LogQuery) -> Response:
    finished = services().jobs.state(get_actor(), path.id).finished
    part = services().logs.part(
        get_actor(), path.id, LogFilter(), limit=query.limit, after=query.after, before=query.before
    )
    return answer(_page(part.lines, query, ended=finished and query.before is None, older=part.older))


def _page(rows: Sequence[JobLog], query: LogQuery, *, ended: bool, older: int | None = None) -> LogPage:
    lines = [LogLineView.model_validate(row, from_attributes=True) for row in rows]
    return LogPage(lines=lines, next_after=lines[-1].id if lines else query.after, next_before=older, ended=ended)
