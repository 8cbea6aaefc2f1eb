"""Who the caller is, and in which organisation."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.organizations import NAME_LENGTH, MeView, OrganizationView

blueprint = area("organization", "Who the caller is, what they may do, and their organisation.")


class NameBody(Body):
    name: Text = Field(min_length=1, max_length=NAME_LENGTH)


@blueprint.get("/me", operation_id="getMe", responses={200: MeView})
def me() -> Response:
    """Who the caller is: user, organisation, role, and the rights that follow from it."""
    return answer(services().organizations.me(get_actor()))


@blueprint.get("/organization", operation_id="getOrganization", responses={200: OrganizationView})
def show() -> Response:
    """The caller's organisation."""
    return answer(services().organizations.own(get_actor()))


@blueprint.patch(
    "/organization", operation_id="renameOrganization", responses={200: OrganizationView, **told(400, 413, 415)}
)
def rename(body: NameBody) -> Response:
    """Give the organisation another name. Takes the role admin."""
    return answer(services().organizations.rename_own(get_actor(), body.name))
