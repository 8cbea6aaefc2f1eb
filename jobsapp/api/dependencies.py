"""What a job depends on, and what depends on it."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Cursor, IdPath, Query, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.relatives import RelativeView
from jobsapp.services.views import View

blueprint = area("dependencies", "Jobs that wait for others.")


class RelativesQuery(Query):
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class RelativesPage(View):
    """Some jobs, in the order of their ids."""

    jobs: list[RelativeView]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one."""


@blueprint.get(
    "/jobs/<uuid:id>/dependencies",
    operation_id="listDependencies",
    responses={200: RelativesPage, **told(404)},
)
def dependencies(path: IdPath, query: RelativesQuery) -> Response:
    """The jobs that a job was made to wait for, oldest first."""
    actor = get_actor()
    services().jobs.state(actor, path.id)
    jobs, last = services().relatives.parents(actor, path.id, after=query.cursor, limit=query.limit)
    return answer(RelativesPage(jobs=jobs, next_cursor=encode_cursor(last) if last else None))


@blueprint.get(
    "/jobs/<uuid:id>/dependents",
    operation_id="listDependents",
    responses={200: RelativesPage, **told(404)},
)
def dependents(path: IdPath, query: RelativesQuery) -> Response:
    """The jobs that depend on a job, oldest first."""
    actor = get_actor()
    services().jobs.state(actor, path.id)
    jobs, last = services().relatives.children(actor, path.id, after=query.cursor, limit=query.limit)
    return answer(RelativesPage(jobs=jobs, next_cursor=encode_cursor(last) if last else None))
