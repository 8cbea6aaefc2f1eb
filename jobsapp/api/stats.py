"""Numbers about jobs."""

from __future__ import annotations

from typing import Literal

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Query, Text
from jobsapp.auth.current import get_actor, services
from jobsapp.services.history import MAX_HOURS, HistoryView
from jobsapp.services.stats import StatsView

blueprint = area("stats", "Numbers about jobs.")


class StatsQuery(Query):
    scope: Literal["own", "organization"] = "own"
    """The caller's own jobs, or all of the organisation's."""


class HistoryQuery(Query):
    hours: int = Field(24, ge=1, le=MAX_HOURS)
    """How far back: up to 3 in minutes, up to 168 (a week) in hours, beyond that in days."""
    type: Text | None = None
    """Only jobs of this type."""


@blueprint.get("/jobs/stats", operation_id="getStats", responses={200: StatsView})
def show(query: StatsQuery) -> Response:
    """Counts per status and type, rates, durations and queue depth."""
    return answer(services().stats.view(get_actor(), whole_organization=query.scope == "organization"))


@blueprint.get("/jobs/stats/history", operation_id="getStatsHistory", responses={200: HistoryView})
def history(query: HistoryQuery) -> Response:
    """What became of the organisation's jobs over time. A retried or deleted job still counts where it ended."""
    return answer(services().history.view(get_actor(), hours=query.hours, type_name=query.type))
