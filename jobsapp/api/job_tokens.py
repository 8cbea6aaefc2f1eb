"""Tokens that open one job, for reading: made for a page of another site, or for a link."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from flask import Response, url_for
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, IdPath, Whole
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.models import JobToken
from jobsapp.services.job_tokens import SHARE
from jobsapp.services.views import Moment, View

blueprint = area("job_tokens", "Show one job elsewhere: in a page of another site, or behind a link.")


class NewTokenBody(Body):
    kind: Literal["embed", "share"]
    """`embed`: for the bearer, by `<job-progress>`. `share`: for a link to a page that shows the job."""
    expires_in_seconds: Whole | None = Field(None, json_schema_extra={"minimum": 60, "maximum": 7_776_000})
    """From 60. `embed`: 3,600 if it is missing, up to 86,400. `share`: 604,800, up to 7,776,000."""


class TokenPath(IdPath):
    token_id: UUID


class JobTokenView(View):
    """A token in force, without its text."""

    id: UUID
    job_id: UUID
    kind: Literal["embed", "share"]
    created_by: UUID
    created_at: Moment
    expires_at: Moment
    last_used_at: Moment | None


class NewJobTokenView(JobTokenView):
    token: str
    """The text. It is shown this once and kept nowhere."""
    url: str | None
    """The link, if it is for one."""


class JobTokenList(View):
    tokens: list[JobTokenView]
    """The newest hundred."""


@blueprint.post(
    "/jobs/<uuid:id>/tokens",
    operation_id="createJobToken",
    responses={201: NewJobTokenView, **told(400, 404, 413, 415)},
)
def create(path: IdPath, body: NewTokenBody) -> Response:
    """Make a token that reads this one job, its files and its live events, until it expires or is revoked."""
    seconds = body.expires_in_seconds
    lifetime = None if seconds is None else timedelta(seconds=min(max(seconds, 0), 10**9))
    token, text = services().job_tokens.create(get_actor(), path.id, body.kind, lifetime=lifetime)
    url = services().settings.base_url + url_for("shared.show", shared=text) if body.kind == SHARE else None
    told_once = {"token": text, "url": url}
    return answer(NewJobTokenView.model_validate(_view(token).model_dump() | told_once), 201)


@blueprint.get("/jobs/<uuid:id>/tokens", operation_id="listJobTokens", responses={200: JobTokenList, **told(404)})
def index(path: IdPath) -> Response:
    """The tokens of a job that are in force, newest first."""
    found = services().job_tokens.of_job(get_actor(), path.id)
    return answer(JobTokenList(tokens=[_view(token) for token in found]))


@blueprint.delete(
    "/jobs/<uuid:id>/tokens/<uuid:token_id>",
    operation_id="revokeJobToken",
    responses={204: None, **told(404)},
)
def revoke(path: TokenPath) -> Response:
    """End a token at once; what is open with it is closed."""
    services().job_tokens.revoke(get_actor(), path.id, path.token_id)
    return Response(status=204)


def _view(token: JobToken) -> JobTokenView:
    return JobTokenView.model_validate(token, from_attributes=True)
