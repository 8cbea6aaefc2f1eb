"""Where webhooks do not go: after a redirect, to addresses inside, to what is no address."""

from __future__ import annotations

import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.runtime.deliverer import Deliverer
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.services.channels import NewChannel
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, Reply


def test_a_redirect_is_not_followed(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    with Endpoint() as inside:
        endpoint.reply = Reply(307, headers={"Location": inside.url})
        post.webhook(member, endpoint.url)
        post.end_and_send(member)
        assert inside.requests == []
    assert "redirect" in (services.deliveries.page(member)[0][0].tries[0].error or "")


def test_private_addresses_are_refused_where_they_are_not_allowed(
    post: Post, services: Services, settings: Settings, member: Actor, endpoint: Endpoint
) -> None:
    """A name that leads inside too: what counts is the address that would be connected to."""
    closed = Deliverer(build_house(settings.model_copy(update={"notification_allowed_addresses": ""})))
    for host in ("127.0.0.1", "localhost", "localtest.me"):
        post.webhook(member, endpoint.url.replace("127.0.0.1", host))
    post.end(member)
    post.absorb()
    assert closed.step(post.connection, post.now()) == 3
    assert endpoint.requests == []
    errors = {one.tries[0].error for one in services.deliveries.page(member)[0]}
    assert any("not a public one" in (error or "") for error in errors)


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://167772161/"),
        *("file:///etc/passwd", "https://me:secret@example.org/", "nonsense", "", "https://" + "x" * 3000),
    ],
)
def test_an_address_that_leads_inside_is_refused_when_it_is_typed(
    settings: Settings, services: Services, member: Actor, url: str
) -> None:
    with pytest.raises(InvalidInput) as told:
        services.channels.create(member, NewChannel("webhook", "x", url=url))
    assert told.value.errors[0].field == "url"
    assert "secret" not in str(told.value)
