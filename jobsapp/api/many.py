"""Cancelling, retrying and deleting many jobs in one call."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from pydantic import ConfigDict, Field, JsonValue

from jobsapp.api.area import answer, area
from jobsapp.api.jobs import FilterBody, wanted
from jobsapp.api.models import Body, Flag, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.errors import InvalidInput
from jobsapp.services.many_changes import MOST, REASON_LENGTH, Action, Chosen, ManyView

blueprint = area("many", "Cancel, retry and delete many jobs in one call.")

EXAMPLES: list[JsonValue] = [
    {"ids": ["0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e89"]},
    {"filter": {"type": "data-conversion", "status": "failed", "createdAfter": "2026-11-23T18:00:00Z"}, "dryRun": True},
]
ONE_OF: list[JsonValue] = [
    {"required": ["ids"], "properties": {"ids": {"type": "array"}, "filter": {"type": "null"}}},
    {"required": ["filter"], "properties": {"filter": {"type": "object"}, "ids": {"type": "null"}}},
]


class ManyBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES, "oneOf": ONE_OF})

    ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST)
    """These jobs. Either this or `filter`."""
    filter: FilterBody | None = None
    """All jobs that match; `{}` is all of the organisation. One call changes up to 10,000; `left` tells the rest."""
    dry_run: Flag = False
    """Change nothing, say what would be changed."""


class ManyCancelBody(ManyBody):
    reason: Text | None = Field(None, max_length=REASON_LENGTH)


RESPONSES = {200: ManyView, **told(400, 413, 415)}


@blueprint.post("/jobs/bulk/cancel", operation_id="cancelJobs", responses=RESPONSES)
def cancel(body: ManyCancelBody) -> Response:
    """Cancel pending jobs at once and ask active ones to stop."""
    return _change("cancel", body, body.reason)


@blueprint.post("/jobs/bulk/retry", operation_id="retryJobs", responses=RESPONSES)
def retry(body: ManyBody) -> Response:
    """Put failed and cancelled jobs back to pending, with a fresh allowance of attempts."""
    return _change("retry", body)


@blueprint.post("/jobs/bulk/delete", operation_id="deleteJobs", responses=RESPONSES)
def delete(body: ManyBody) -> Response:
    """Delete finished jobs with their files. Administrators only."""
    return _change("delete", body)


def _change(action: Action, body: ManyBody, reason: str | None = None) -> Response:
    actor, many = get_actor(), services().many
    if (body.ids is None) == (body.filter is None):
        raise InvalidInput.of("ids", "give ids or filter, and not both.")
    chosen = Chosen(tuple(body.ids or ())) if body.filter is None else Chosen(wanted=wanted(actor, body.filter))
    if body.dry_run:
        return answer(many.outlook(actor, action, chosen))
    return answer(many.apply(actor, action, chosen, reason=reason))
