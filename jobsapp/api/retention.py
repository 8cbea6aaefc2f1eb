"""How long jobs are kept, and archives of those that are not any more."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Response, send_file
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Cursor, IdPath, Query, Text, Whole, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.core.retention import MAX_DAYS
from jobsapp.services.base import View
from jobsapp.services.retention import TYPE_LENGTH, ArchiveView, NewRule, RuleView, RunView

blueprint = area("retention", "Retention: for how long jobs and uploads are kept, and archives.")

BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
MEDIA_TYPES = {"jsonl": "application/gzip", "parquet": "application/vnd.apache.parquet"}
Scope = Literal["jobs", "uploads"]
Status = Literal["", "completed", "failed", "cancelled"]


class RetentionView(View):
    rules: list[RuleView]
    """Those of the organisation, and what holds by default."""
    runs: list[RunView]
    """What was deleted lately."""


class RuleBody(Body):
    scope: Scope = "jobs"
    """`uploads`: those that no job reads. They have neither type nor state nor archive."""
    type: Text = Field("", max_length=TYPE_LENGTH)
    """Empty: jobs of every type that has no rule of its own."""
    status: Status = ""
    """Empty: whatever came of them."""
    days: Whole | None = Field(ge=1, le=MAX_DAYS)
    """Since the job finished, or the file was uploaded; null: they are kept for ever."""
    archive: Literal["jsonl", "parquet"] | None = None
    """Write jobs to a file of this format before they are deleted. `parquet` needs pyarrow."""


class RuleQuery(Query):
    scope: Scope = "jobs"
    type: Text = Field("", max_length=TYPE_LENGTH)
    status: Status = ""


class ArchiveQuery(Query):
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None


class ArchiveList(View):
    archives: list[ArchiveView]
    next_cursor: str | None


@blueprint.get("/retention", operation_id="getRetention", responses={200: RetentionView})
def index() -> Response:
    """The rules of the organisation with what they will delete next, and what was deleted. Administrators only."""
    return answer(_told())


@blueprint.put("/retention", operation_id="setRetention", responses={200: RuleView, **told(400, 413, 415)})
def set_rule(body: RuleBody) -> Response:
    """Set or replace the rule of a scope, type and state. Administrators only."""
    new = NewRule(body.days, body.scope, body.type, body.status, body.archive or "")
    return answer(services().retention.set_rule(get_actor(), new))


@blueprint.delete("/retention", operation_id="removeRetention", responses={200: RetentionView, **told(404)})
def remove_rule(query: RuleQuery) -> Response:
    """Remove a rule; answers with those that are left. Administrators only."""
    services().retention.remove_rule(get_actor(), scope=query.scope, type=query.type, status=query.status)
    return answer(_told())


@blueprint.get("/archives", operation_id="listArchives", responses={200: ArchiveList})
def archives(query: ArchiveQuery) -> Response:
    """Files with jobs that were deleted, the newest first. Administrators only."""
    found, cursor = services().retention.archives(get_actor(), before=query.cursor, limit=query.limit)
    return answer(ArchiveList(archives=found, next_cursor=_text(cursor)))


@blueprint.get(
    "/archives/<uuid:id>/content",
    operation_id="downloadArchive",
    responses={
        200: {"description": "The bytes", "content": BYTES},
        206: {"description": "The range of bytes that was asked for", "content": BYTES},
        **told(404, 416),
    },
)
def download(path: IdPath) -> Response:
    """The archive, to be saved. Ranges and ETag work. Administrators only."""
    found, source = services().retention.archive(get_actor(), path.id)
    response = send_file(
        source,
        mimetype=MEDIA_TYPES[found.format],
        as_attachment=True,
        download_name=found.name,
        etag=found.sha256,
    )
    response.cache_control.private = True
    return response


def _told() -> RetentionView:
    actor, retention = get_actor(), services().retention
    return RetentionView(rules=retention.rules(actor), runs=retention.runs(actor))


def _text(cursor: UUID | None) -> str | None:
    return None if cursor is None else encode_cursor(cursor)
