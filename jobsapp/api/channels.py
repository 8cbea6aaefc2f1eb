"""Channels of notifications: the ways to people and programs."""

from __future__ import annotations

from typing import Literal

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Flag, IdPath, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.base import View
from jobsapp.services.channels import (
    MOST_ADDRESSES,
    NAME_LENGTH,
    URL_LENGTH,
    ChannelChange,
    ChannelView,
    NewChannel,
)
from jobsapp.services.deliveries import DeliveryView

blueprint = area("channels", "Channels of notifications: ways to people and programs.")

Address = Text


class ChannelList(View):
    channels: list[ChannelView]
    """The caller's own; for operators and administrators the organisation's too."""


class ChannelBody(Body):
    kind: Literal["email", "apprise", "webhook", "browser"]
    """`apprise`: Slack, Discord and others, by an address of that library."""
    name: Text = Field(min_length=1, max_length=NAME_LENGTH)
    scope: Literal["own", "organization"] = "own"
    """`organization`: for operators and administrators."""
    to: list[Address] = Field([], max_length=MOST_ADDRESSES)
    """Addresses, for e-mail of the organisation. One's own e-mail goes to one's own address."""
    url: Text = Field("", max_length=URL_LENGTH)
    """Where a webhook leads, or the address of apprise, as `slack://…`. It is kept sealed."""


class ChannelChangeBody(Body):
    name: Text | None = Field(None, min_length=1, max_length=NAME_LENGTH)
    to: list[Address] | None = Field(None, max_length=MOST_ADDRESSES)
    url: Text | None = Field(None, max_length=URL_LENGTH)
    enabled: Flag | None = None
    """False: nothing is sent by it. True: what has waited is sent."""


@blueprint.get("/notifications/channels", operation_id="listChannels", responses={200: ChannelList})
def index() -> Response:
    """The channels that the caller may use."""
    return answer(_list())


@blueprint.post(
    "/notifications/channels", operation_id="createChannel", responses={201: ChannelView, **told(400, 409, 413, 415)}
)
def create(body: ChannelBody) -> Response:
    """Make a channel. The answer to that of a webhook has its secret, which is never told again."""
    new = NewChannel(body.kind, body.name, body.scope, tuple(body.to), body.url)
    return answer(services().channels.create(get_actor(), new), 201)


@blueprint.patch(
    "/notifications/channels/<uuid:id>",
    operation_id="changeChannel",
    responses={200: ChannelView, **told(400, 404, 409, 413, 415)},
)
def change(path: IdPath, body: ChannelChangeBody) -> Response:
    """Change a channel, or switch it off or on again."""
    to = None if body.to is None else tuple(body.to)
    return answer(
        services().channels.change(get_actor(), path.id, ChannelChange(body.name, to, body.url, body.enabled))
    )


@blueprint.delete(
    "/notifications/channels/<uuid:id>", operation_id="deleteChannel", responses={200: ChannelList, **told(404)}
)
def delete(path: IdPath) -> Response:
    """Delete a channel with its rules and its log; answers with those that are left."""
    services().channels.delete(get_actor(), path.id)
    return answer(_list())


@blueprint.post(
    "/notifications/channels/<uuid:id>/secret",
    operation_id="renewChannelSecret",
    responses={200: ChannelView, **told(404, 409)},
)
def renew_secret(path: IdPath) -> Response:
    """Make a new secret for a webhook. For a day messages are signed with the old one too."""
    return answer(services().channels.renew_secret(get_actor(), path.id))


@blueprint.post(
    "/notifications/channels/<uuid:id>/test",
    operation_id="testChannel",
    responses={201: DeliveryView, **told(404, 409)},
)
def test(path: IdPath) -> Response:
    """Send a message to see whether it arrives. The log tells what came of it."""
    return answer(services().deliveries.test(get_actor(), services().channels, path.id), 201)


def _list() -> ChannelList:
    return ChannelList(channels=services().channels.all(get_actor()))
