"""The attempts of a job."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import IdPath, Query
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.attempts import AttemptPage

LARGEST_NUMBER = 2**31 - 1

blueprint = area("attempts", "The attempts of jobs: who ran them, and what came of it.")


class AttemptsQuery(Query):
    after: int = Field(0, ge=0, le=LARGEST_NUMBER)
    """`nextAfter` of the answer before: only attempts with a higher number."""
    limit: int = Field(100, ge=1, le=1000)


@blueprint.get("/jobs/<uuid:id>/attempts", operation_id="listAttempts", responses={200: AttemptPage, **told(404)})
def index(path: IdPath, query: AttemptsQuery) -> Response:
    """The attempts of a job, oldest first, with the one that runs. Tracebacks are shown to administrators only."""
    return answer(services().attempts.page(get_actor(), path.id, after=query.after, limit=query.limit))
