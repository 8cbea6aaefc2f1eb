"""Messages that were sent or wait to be: what they say, each try, and sending again."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Cursor, IdPath, Query, encode_cursor
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.base import View
from jobsapp.services.deliveries import BrowserNoticeView, DeliveryView, State

blueprint = area("deliveries", "Messages of notifications: what was sent, and what came of it.")


class DeliveryList(View):
    deliveries: list[DeliveryView]
    next_cursor: str | None


class BrowserNoticeList(View):
    notices: list[BrowserNoticeView]


class DeliveryQuery(Query):
    channel: UUID | None = None
    state: State | None = None
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None


class BrowserNoticeQuery(Query):
    after: UUID | None = None
    """The last one that was told. Without it the newest comes, to begin with."""


@blueprint.get("/notifications/deliveries", operation_id="listDeliveries", responses={200: DeliveryList})
def index(query: DeliveryQuery) -> Response:
    """Messages of the channels that the caller may use, the newest first."""
    found, end = services().deliveries.page(
        get_actor(), channel_id=query.channel, state=query.state, before=query.cursor, limit=query.limit
    )
    return answer(DeliveryList(deliveries=found, next_cursor=None if end is None else encode_cursor(end)))


@blueprint.get(
    "/notifications/deliveries/<uuid:id>", operation_id="getDelivery", responses={200: DeliveryView, **told(404)}
)
def show(path: IdPath) -> Response:
    """A message with its tries."""
    return answer(services().deliveries.get(get_actor(), path.id))


@blueprint.post(
    "/notifications/deliveries/<uuid:id>/replay",
    operation_id="replayDelivery",
    responses={201: DeliveryView, **told(404, 409)},
)
def replay(path: IdPath) -> Response:
    """Send a message again, as a new one; one that still waits is tried now."""
    return answer(services().deliveries.replay(get_actor(), path.id), 201)


@blueprint.get("/notifications/browser", operation_id="listBrowserNotices", responses={200: BrowserNoticeList})
def browser(query: BrowserNoticeQuery) -> Response:
    """What the caller's pages have to tell, the oldest first."""
    found = services().deliveries.for_browser(get_actor(), after=query.after)
    return answer(BrowserNoticeList(notices=found))
