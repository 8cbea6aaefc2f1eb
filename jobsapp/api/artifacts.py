"""The files that a job made."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Cursor, IdPath, Query, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.views import ArtifactView, View, artifact_view

blueprint = area("artifacts", "The files that jobs made.")


class ArtifactsQuery(Query):
    limit: int = Field(100, ge=1, le=1000)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class ArtifactPage(View):
    """Artifacts, oldest first."""

    artifacts: list[ArtifactView]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one so far."""


@blueprint.get("/jobs/<uuid:id>/artifacts", operation_id="listArtifacts", responses={200: ArtifactPage, **told(404)})
def index(path: IdPath, query: ArtifactsQuery) -> Response:
    """The files that a job made so far, oldest first."""
    services().jobs.state(get_actor(), path.id)
    found = services().files.artifacts(path.id, after=query.cursor, limit=query.limit + 1)
    views = [artifact_view(file) for file in found[: query.limit]]
    more = encode_cursor(views[-1].id) if len(found) > query.limit else None
    return answer(ArtifactPage(artifacts=views, next_cursor=more))
