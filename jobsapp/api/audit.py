"""The audit log: who did what, for administrators."""

from __future__ import annotations

from flask import Response
from pydantic import AwareDatetime, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Cursor, Query, Text, encode_cursor
from jobsapp.auth.current import get_actor, services
from jobsapp.core.audit import Action
from jobsapp.services.audit import AuditEventView, AuditFilter
from jobsapp.services.base import View
from jobsapp.services.filters import TEXT_LENGTH

blueprint = area("audit", "The audit log: who did what.")


class AuditQuery(Query):
    who: Text | None = Field(None, max_length=TEXT_LENGTH)
    """An e-mail address, `command line`, `jobsapp`, or `nobody`."""
    action: Action | None = None
    after: AwareDatetime | None = None
    """At this moment or later."""
    before: AwareDatetime | None = None
    """Before this moment."""
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class AuditList(View):
    events: list[AuditEventView]
    next_cursor: str | None
    """Null: there are no more. A page that narrows looks at 20,000 entries: it may be short and not the last."""


@blueprint.get("/audit", operation_id="listAuditEvents", responses={200: AuditList})
def index(query: AuditQuery) -> Response:
    """What was done in the organisation, newest first. Administrators only."""
    wanted = AuditFilter(query.who, query.action, query.after, query.before)
    found, older = services().audit.page(get_actor(), wanted, before=query.cursor, limit=query.limit)
    return answer(AuditList(events=found, next_cursor=encode_cursor(older) if older else None))
