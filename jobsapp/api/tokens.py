"""API tokens: making, listing and revoking one's own, and for administrators those of the organisation."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Cursor, IdPath, Query, Text, Whole, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.models import ApiToken
from jobsapp.services.base import Moment, View
from jobsapp.services.tokens import LONGEST, NAME_LENGTH, token_state

blueprint = area("tokens", "Tokens for programs: what they may do is narrowed by scopes.")

ScopeName = Literal["read", "jobs", "operate", "admin"]


class NewApiTokenBody(Body):
    name: Text = Field(min_length=1, max_length=NAME_LENGTH)
    """What it is for."""
    scopes: list[ScopeName] = Field(["jobs"], min_length=1, max_length=4)
    """What it may be used for; each includes those before it. `read`: sees. `jobs`: also creates, cancels, retries and
    shares jobs, and uploads files. `operate`: also queues and workers. `admin`: all that its user may do. None that is
    more than the caller may do; and a token never does more than its user may."""
    expires_in_days: Whole | None = Field(None, ge=1, le=LONGEST.days)
    """It never expires if this is missing."""


class TokensQuery(Query):
    everyone: bool = False
    """Those of the whole organisation; administrators only."""
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class ApiTokenView(View):
    """A token, without its text."""

    id: UUID
    name: str
    scopes: list[ScopeName]
    user: str
    """The e-mail address of whom it speaks for."""
    state: Literal["valid", "expired", "revoked"]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    """Within a minute."""
    last_used_address: str | None
    revoked_at: Moment | None


class NewApiTokenView(ApiTokenView):
    token: str
    """The text. It is shown this once and kept nowhere."""


class ApiTokenList(View):
    tokens: list[ApiTokenView]
    next_cursor: str | None


@blueprint.get("/tokens", operation_id="listTokens", responses={200: ApiTokenList})
def index(query: TokensQuery) -> Response:
    """The caller's tokens, newest first, with those that have ended."""
    found, older = services().tokens.page(get_actor(), everyone=query.everyone, before=query.cursor, limit=query.limit)
    cursor = encode_cursor(older) if older else None
    return answer(ApiTokenList(tokens=[_view(token) for token in found], next_cursor=cursor))


@blueprint.post("/tokens", operation_id="createToken", responses={201: NewApiTokenView, **told(400, 413, 415)})
def create(body: NewApiTokenBody) -> Response:
    """Make a token of the caller's own. With a token this needs the scope `admin`."""
    lifetime = None if body.expires_in_days is None else timedelta(days=body.expires_in_days)
    token, text = services().tokens.create(get_actor(), body.name, scopes=body.scopes, lifetime=lifetime)
    return answer(NewApiTokenView.model_validate(_view(token).model_dump() | {"token": text}), 201)


@blueprint.delete("/tokens/<uuid:id>", operation_id="revokeToken", responses={204: None, **told(404)})
def revoke(path: IdPath) -> Response:
    """End a token of one's own at once, as an administrator any; what is open with it is closed.

    A token revokes itself if it has the scope `jobs`, and others if it has `admin`.
    """
    services().tokens.revoke(get_actor(), path.id)
    return Response(status=204)


def _view(token: ApiToken) -> ApiTokenView:
    return ApiTokenView.model_validate(
        {name: getattr(token, name) for name in ApiTokenView.model_fields if name not in ("user", "state")}
        | {"user": token.user.email, "state": token_state(token)}
    )
