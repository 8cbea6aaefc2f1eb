"""`ETag` and `If-None-Match` of a job (RFC 9110, sections 8.8.3 and 13.1.2): asking again costs one small statement.

The tag is weak. It changes with all that is kept about the job, its artifacts included, and differs between readers
who see different things. It says nothing of what moves with the clock or with other jobs: `waitingFor`, `durationMs`,
`etaSeconds` and `rate`.
"""

from __future__ import annotations

from flask import Response, request

from jobsapp.core.actors import Guest, Reader
from jobsapp.services.jobs import JobState
from jobsapp.services.views import JobView


def tag_of(reader: Reader, state: JobState) -> str:
    """The tag of what this reader sees of a job in this state, without its quotes."""
    seen_as = "guest" if isinstance(reader, Guest) else "admin" if reader.is_admin else "member"
    return f"{state.revision}-{state.artifacts}-{seen_as}"


def state_of(view: JobView) -> JobState:
    return JobState(view.revision, len(view.artifacts), view.status)


def is_asked() -> bool:
    """Whether the request names tags."""
    return bool(request.if_none_match)


def is_known(tag: str) -> bool:
    """Whether the request names this tag, or `*`."""
    return request.if_none_match.contains_weak(tag)


def tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    # To be kept by whoever asked, and never shown without asking again.
    response.cache_control.private = True
    response.cache_control.no_cache = True
    response.vary.update(("Authorization", "Prefer"))
    return response
