"""Numbers about jobs."""

from __future__ import annotations

from typing import Literal

from flask import Response

from jobsapp.api.area import answer, area
from jobsapp.api.models import Query
from jobsapp.auth.current import get_actor, services
from jobsapp.services.stats import StatsView

blueprint = area("stats", "Numbers about jobs.")


class StatsQuery(Query):
    scope: Literal["own", "organization"] = "own"
    """The caller's own jobs, or all of the organisation's."""


@blueprint.get("/jobs/stats", operation_id="getStats", responses={200: StatsView})
def show(query: StatsQuery) -> Response:
    """Counts per status and type, rates, durations and queue depth."""
    return answer(services().stats.view(get_actor(), whole_organization=query.scope == "organization"))
