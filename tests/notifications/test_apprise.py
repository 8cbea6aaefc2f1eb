"""Services of apprise: which addresses are taken, and that none leads inside."""

from __future__ import annotations

import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.runtime.deliverer import Deliverer
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.services.apprise_urls import check_apprise, plugin_of
from jobsapp.services.channels import NewChannel
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, Reply


def ntfy(post: Post, services: Services, actor: Actor, endpoint: Endpoint) -> None:
    url = f"ntfy://127.0.0.1:{endpoint.port}/jobs"
    post.rule(actor, services.channels.create(actor, NewChannel("apprise", "ntfy", url=url)))


def test_a_service_gets_subject_and_text(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    ntfy(post, services, member, endpoint)
    post.end_and_send(member, "fail", name="Import")
    [request] = endpoint.requests
    assert b"Import failed" in request.body
    [sent] = services.deliveries.page(member)[0]
    assert (sent.state, sent.tries[0].status) == ("delivered", 200)


def test_what_a_service_answers_is_in_the_log(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    endpoint.reply = Reply(429, b"slower", {"Retry-After": "60"})
    ntfy(post, services, member, endpoint)
    post.end_and_send(member)
    [sent] = services.deliveries.page(member)[0]
    assert (sent.state, sent.tries[0].status, sent.tries[0].answer) == ("pending", 429, "slower")


@pytest.mark.parametrize(
    "url",
    [
        "workflows://example.org/wf/sig/#?template=/tmp/x.json",
        "workflows://example.org/wf/sig/?format=text;template=/tmp/x.json",
        "ntfy://example.org/topic/#?attach=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=http://169.254.169.254/",
        "ntfy://example.org/topic?+attach=/etc/passwd",
    ],
)
def test_no_option_reads_something_from_here(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_apprise(url)
    assert plugin_of(url) is None, "nor if it was kept before"


def test_no_service_leads_inside(
    post: Post, services: Services, settings: Settings, member: Actor, endpoint: Endpoint
) -> None:
    closed = Deliverer(build_house(settings.model_copy(update={"notification_allowed_addresses": ""})))
    ntfy(post, services, member, endpoint)
    post.end(member)
    post.absorb()
    assert closed.step(post.connection, post.now()) == 1
    assert endpoint.requests == []
    assert "not a public one" in (services.deliveries.page(member)[0][0].tries[0].error or "")


def test_a_redirect_of_a_service_is_not_followed(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    with Endpoint() as inside:
        endpoint.reply = Reply(302, headers={"Location": inside.url})
        ntfy(post, services, member, endpoint)
        post.end_and_send(member)
        assert inside.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
    ],
)
def test_chats_are_taken_and_shown_without_their_secrets(url: str) -> None:
    shown = check_apprise(url)
    assert shown.startswith(url.partition("://")[0])
    assert "TIiajkdnlazkcOXrIdevi7" not in shown
    assert "JHMHI8qBe7bk2ZwO5U711o3dV_js" not in shown
    assert "abcdefg_hijklmnop" not in shown


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "begins with"),
        ("json://example.org/", "begins with"),
        ("mailto://me:pw@example.org", "begins with"),
        ("slack://x", "complete"),
        ("slack", "begins with"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/?template=/etc/passwd", "option"),
        ("ntfys://example.org/topic?verify=no", "option"),
    ],
)
def test_other_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        check_apprise(url)
