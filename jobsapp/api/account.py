"""The caller's own account: browsers that are signed in, ways to sign in, and the password."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_owner, login_id, services, sign_out_everywhere
from jobsapp.core.passwords import LONGEST_BYTES, SHORTEST
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.services.base import Moment, View

blueprint = area("account", "The caller's own account. A token needs the scope admin for it.")

FIELDS = {"old": "oldPassword", "new": "newPassword"}


class BrowserView(View):
    id: UUID
    name: str
    signed_in_at: Moment
    last_used_at: Moment
    """Within five minutes."""
    current: bool
    """It is the one that asks."""


class BrowserList(View):
    browsers: list[BrowserView]


class IdentityView(View):
    id: UUID
    issuer: str
    """The address of the OpenID provider."""
    created_at: Moment


class IdentityList(View):
    identities: list[IdentityView]


class PasswordBody(Body):
    old_password: Text | None = Field(None, json_schema_extra={"writeOnly": True})
    """The one that there is. Left out if there is none."""
    new_password: Text = Field(json_schema_extra={"writeOnly": True, "minLength": SHORTEST, "maxLength": LONGEST_BYTES})
    """Up to 1,024 bytes, and none that everybody tries first."""


class BrowserPath(BaseModel):
    browser: UUID


class IdentityPath(BaseModel):
    identity: UUID


@blueprint.get("/me/browsers", operation_id="listBrowsers", responses={200: BrowserList})
def browsers() -> Response:
    """The 50 browsers of the caller that are signed in and were used last, newest first."""
    found, here = services().browsers.of_user(get_owner()), login_id()
    views = [BrowserView.model_validate(vars(one) | {"current": one.id == here}) for one in found]
    return answer(BrowserList(browsers=views))


@blueprint.delete("/me/browsers/<uuid:browser>", operation_id="signOutBrowser", responses={204: None, **told(404)})
def end_browser(path: BrowserPath) -> Response:
    """Sign out one of the caller's browsers."""
    services().browsers.end(get_owner(), path.browser)
    return Response(status=204)


@blueprint.delete("/me/browsers", operation_id="signOutEverywhere", responses={204: None})
def end_browsers() -> Response:
    """Sign out all browsers of the caller. Tokens stay."""
    sign_out_everywhere()
    return Response(status=204)


@blueprint.get("/me/identities", operation_id="listIdentities", responses={200: IdentityList})
def identities() -> Response:
    """Who the caller is at OpenID providers, oldest first."""
    found = services().federation.of_user(get_owner())
    views = [IdentityView.model_validate(one, from_attributes=True) for one in found]
    return answer(IdentityList(identities=views))


@blueprint.delete("/me/identities/<uuid:identity>", operation_id="removeIdentity", responses={204: None, **told(404)})
def unlink(path: IdentityPath) -> Response:
    """Let an account at an OpenID provider open the caller's no more."""
    services().federation.unlink(get_owner(), path.identity)
    return Response(status=204)


@blueprint.put("/me/password", operation_id="setPassword", responses={204: None, **told(400, 413, 415)})
def set_password(body: PasswordBody) -> Response:
    """Set the caller's password; all their browsers are signed out. Where there is one, the old one is asked for."""
    old, new = body.old_password or "", body.new_password
    try:
        services().passwords.change(get_owner(), old=old, new=new, address=request.remote_addr or "")
    except InvalidInput as error:
        faults = tuple(FieldError(FIELDS.get(one.field, one.field), one.message) for one in error.errors)
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in faults), errors=faults) from None
    return Response(status=204)
