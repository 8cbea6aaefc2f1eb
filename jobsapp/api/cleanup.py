"""Deleting old jobs."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Query
from jobsapp.auth.current import get_actor, services

blueprint = area("cleanup", "Delete old jobs.")


class CleanupQuery(Query):
    days: int = Field(30, ge=0, le=36500)
    """Jobs that finished longer ago than this."""


class Deleted(BaseModel):
    deleted: int


@blueprint.delete("/jobs/cleanup", operation_id="cleanupJobs", responses={200: Deleted})
def delete(query: CleanupQuery) -> Response:
    """Delete the organisation's old finished jobs with their files. Administrators only."""
    return answer(Deleted(deleted=services().cleanup.for_organization(get_actor(), days=query.days)))
