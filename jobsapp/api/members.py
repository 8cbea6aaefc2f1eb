"""The members of the caller's organisation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, get_owner, services
from jobsapp.services.base import Moment, View
from jobsapp.services.identity import EMAIL_LENGTH, LINK_LIFETIME
from jobsapp.services.members import MembersView, MemberView

blueprint = area("members", "The members of the caller's organisation and their roles.")

# As `refuse_email` has it.
EMAIL = r"^[^\u0000]*[^@ \u0000][^\u0000]*@[^\u0000]*[^@ \u0000][^\u0000]*$"
RoleName = Literal["viewer", "member", "operator", "admin"]


class InviteBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ann@example.org", "role": "operator"}]})

    email: Text = Field(min_length=3, max_length=EMAIL_LENGTH, json_schema_extra={"pattern": EMAIL})
    role: RoleName = "member"


class RoleBody(Body):
    role: RoleName


class Invited(MemberView):
    login_url: str
    """Signs the new member in once, within an hour. It is shown this once."""


class LoginLinkView(View):
    login_url: str
    """Signs the member in once. It is shown this once."""
    expires_at: Moment


class MemberPath(BaseModel):
    user_id: UUID


@blueprint.get("/members", operation_id="listMembers", responses={200: MembersView})
def index() -> Response:
    """Everybody in the organisation, with their roles."""
    return answer(services().members.all(get_actor()))


@blueprint.post("/members", operation_id="inviteMember", responses={201: Invited, **told(400, 409, 413, 415)})
def invite(body: InviteBody) -> Response:
    """Make an account in the organisation, with a link that signs it in once. Takes the role admin.

    An account that another organisation has made is refused: who runs the installation can let it in.
    """
    member, secret = services().members.invite(get_actor(), body.email, body.role)
    url = f"{services().settings.base_url}/login/{secret}"
    return answer(Invited(**member.model_dump(), login_url=url), 201)


@blueprint.patch(
    "/members/<uuid:user_id>", operation_id="changeMember", responses={200: MemberView, **told(400, 404, 409, 413, 415)}
)
def change(path: MemberPath, body: RoleBody) -> Response:
    """Give a member another role; it holds at once. The last administrator stays one. Takes the role admin."""
    return answer(services().members.set_role(get_actor(), path.user_id, body.role))


@blueprint.post(
    "/members/<uuid:user_id>/link", operation_id="makeLoginLink", responses={201: LoginLinkView, **told(404)}
)
def link(path: MemberPath) -> Response:
    """Make a link that signs a member in once, for one who has lost the last. Takes the role admin.

    Only for accounts that are the organisation's own. A token needs the scope admin.
    """
    expires_at = datetime.now(UTC) + LINK_LIFETIME
    secret = services().members.login_secret(get_owner(), path.user_id)
    url = f"{services().settings.base_url}/login/{secret}"
    return answer(LoginLinkView(login_url=url, expires_at=expires_at), 201)


@blueprint.delete("/members/<uuid:user_id>", operation_id="removeMember", responses={204: None, **told(404, 409)})
def remove(path: MemberPath) -> Response:
    """End a membership and, at once, the sessions, tokens and links that hang on it. The jobs stay.

    The last administrator cannot be removed. Takes the role admin.
    """
    services().members.remove(get_actor(), path.user_id)
    return Response(status=204)
