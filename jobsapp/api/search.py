"""Search in what jobs made searchable."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Query, Text
from jobsapp.auth.current import get_actor, services
from jobsapp.services.search import LONGEST, MOST, SearchView

blueprint = area("search", "Search in documents.")


class SearchQuery(Query):
    q: Text = Field(min_length=1, max_length=LONGEST)
    """The question, or words. `"…"`: has to occur so; `-word`: must not occur."""
    limit: int = Field(10, ge=1, le=MOST)
    """How many passages at most."""
    job: UUID | None = None
    """Only what this job made searchable."""


@blueprint.get("/search", operation_id="search", responses={200: SearchView})
def find(query: SearchQuery) -> Response:
    """The passages of your organisation's processed documents that fit a question best, with their sources.

    Two orders are merged: by words (full text, English word forms) and by meaning (vectors). `notes` says when one
    of them could not be used.
    """
    return answer(services().search.find(get_actor(), query.q, limit=query.limit, job_id=query.job))
