"""Webhooks to an endpoint that checks the signature, fails, is slow, redirects inside, or is gone."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobsapp.core.actors import Actor
from jobsapp.core.notifications import RETRY_SECONDS
from jobsapp.runtime.deliverer import LEASE, SENDERS, Deliverer
from jobsapp.runtime.delivering import DelivererThread
from jobsapp.runtime.house import House, build_house
from jobsapp.runtime.senders import outgoing
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.channels import ChannelChange
from jobsapp.store import notifications as store
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, Reply
from tests.processes import ROOT, wait_until


def test_an_end_is_told_once_and_signed(post: Post, member: Actor, endpoint: Endpoint) -> None:
    channel = post.webhook(member, endpoint.url)
    job_id = post.end_and_send(member, "fail")
    [request] = endpoint.requests
    said = Webhook(channel.secret or "").verify(request.body, request.headers)
    assert said["type"] == "job.failed"
    assert said["data"]["id"] == str(job_id)
    assert said["data"]["error"]["type"]
    assert said["data"]["url"] == f"https://jobs.example.org/jobs/{job_id}"
    assert post.absorb() == 0
    assert post.send(post.now() + timedelta(days=2)) == 0


def test_what_the_document_tells_receivers_to_check(post: Post, member: Actor, endpoint: Endpoint) -> None:
    text = (ROOT / "docs" / "notifications.md").read_text()
    names: dict[str, Any] = {}
    exec(compile(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], "docs/notifications.md", "exec"), names)
    channel = post.webhook(member, endpoint.url)
    post.end_and_send(member)
    [request] = endpoint.requests
    verified, secret = names["verified"], channel.secret or ""
    assert verified(secret, request.headers, request.body)
    assert not verified(secret, request.headers, request.body + b" ")
    old = {**request.headers, "webhook-timestamp": str(int(request.headers["webhook-timestamp"]) - 301)}
    assert not verified(secret, old, request.body)


def test_a_changed_body_does_not_verify(post: Post, member: Actor, endpoint: Endpoint) -> None:
    channel = post.webhook(member, endpoint.url)
    post.end_and_send(member)
    [request] = endpoint.requests
    with pytest.raises(WebhookVerificationError):
        Webhook(channel.secret or "").verify(request.body + b" ", request.headers)


def test_for_a_day_both_secrets_sign(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    old = post.webhook(member, endpoint.url)
    new = services.channels.renew_secret(member, old.id)
    assert new.secret != old.secret
    post.end_and_send(member)
    for secret in (old.secret, new.secret):
        Webhook(secret or "").verify(endpoint.requests[0].body, endpoint.requests[0].headers)
    post.end(member)
    post.absorb()
    post.send(post.now() + timedelta(hours=25))
    assert endpoint.requests[1].headers["webhook-signature"].count("v1,") == 1


def test_a_receiver_that_is_down_gets_it_later_with_the_same_id(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    post.webhook(member, endpoint.url)
    endpoint.replies = [Reply(503, b"not now"), Reply(500), Reply(200)]
    post.end_and_send(member)
    assert len(endpoint.requests) == 1
    assert post.send() == 0, "it is not tried again at once"
    now = post.now()
    assert post.send(now + timedelta(seconds=6)) == 1
    assert post.send(now + timedelta(seconds=30)) == 0
    assert post.send(now + timedelta(seconds=400)) == 1
    assert len({one.headers["webhook-id"] for one in endpoint.requests}) == 1
    assert len({one.body for one in endpoint.requests}) == 1
    [sent] = services.deliveries.page(member)[0]
    assert (sent.state, sent.attempts) == ("delivered", 3)
    assert (sent.tries[0].status, sent.tries[0].answer) == (503, "not now")
    assert services.channels.get(member, sent.channel_id).failures == 0


def test_a_receiver_where_nobody_listens_gets_it_when_somebody_does(
    post: Post, services: Services, member: Actor
) -> None:
    with Endpoint() as gone:
        port = gone.port
    post.webhook(member, f"http://127.0.0.1:{port}/hook")
    post.end_and_send(member)
    [waiting] = services.deliveries.page(member)[0]
    assert (waiting.state, waiting.tries[0].status) == ("pending", None)
    assert waiting.tries[0].error
    with Endpoint(port) as back:
        assert post.send(post.now() + timedelta(seconds=6)) == 1
        assert len(back.requests) == 1


def test_it_is_given_up_after_a_day_and_replayed_by_hand(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    post.webhook(member, endpoint.url)
    endpoint.reply = Reply(500)
    post.end_and_send(member)
    now, spent = post.now(), timedelta()
    for seconds in RETRY_SECONDS:
        spent += timedelta(seconds=seconds * 1.2 + 301)
        assert post.send(now + spent) == 1
    assert post.send(now + timedelta(days=30)) == 0
    [given_up] = services.deliveries.page(member)[0]
    assert (given_up.state, given_up.attempts) == ("failed", len(RETRY_SECONDS) + 1)
    assert timedelta(hours=24) < timedelta(seconds=sum(RETRY_SECONDS)) < timedelta(hours=30)
    endpoint.reply = Reply()
    again = services.deliveries.replay(member, given_up.id)
    assert post.send(now + spent + timedelta(minutes=6)) == 1
    assert again.replay_of == given_up.id
    assert again.id != given_up.id
    assert endpoint.requests[-1].body == endpoint.requests[0].body
    assert services.deliveries.get(member, again.id).state == "delivered"


def test_a_receiver_that_asks_for_time_gets_it(post: Post, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url)
    endpoint.replies = [Reply(429, headers={"Retry-After": "3600"})]
    post.end_and_send(member)
    post.end(member)
    post.absorb()
    now = post.now()
    assert post.send(now + timedelta(minutes=50)) == 0, "nothing else either"
    assert post.send(now + timedelta(minutes=61)) == 2


def test_who_is_gone_is_asked_no_more(
    post: Post, services: Services, member: Actor, admin: Actor, endpoint: Endpoint
) -> None:
    channel = post.webhook(member, endpoint.url)
    endpoint.reply = Reply(410)
    post.end_and_send(member)
    found = services.channels.get(member, channel.id)
    assert found.disabled_at is not None
    assert "410" in (found.disabled_reason or "")
    post.end_and_send(member)
    assert len(endpoint.requests) == 1
    services.channels.change(member, channel.id, ChannelChange(enabled=True))
    services.channels.change(member, channel.id, ChannelChange(enabled=False))
    told = [one for one in services.audit.page(admin, AuditFilter())[0] if "switched" in one.action]
    assert [(one.actor, one.text.partition(" the ")[0]) for one in reversed(told)] == [
        ("jobsapp", "switched off"),
        ("member@localhost", "switched on"),
        ("member@localhost", "switched off"),
    ]
    assert told[-1].facts["reason"] == found.disabled_reason


def test_what_waited_is_sent_when_the_channel_is_switched_on_again(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    channel = post.webhook(member, endpoint.url)
    endpoint.replies = [Reply(500)]
    post.end_and_send(member)
    services.channels.change(member, channel.id, ChannelChange(enabled=False))
    assert post.send(post.now() + timedelta(hours=1)) == 0
    post.end_and_send(member)
    assert services.channels.change(member, channel.id, ChannelChange(enabled=True)).disabled_at is None
    assert post.send(post.now() + timedelta(hours=1)) == 1, "and nothing of what happened meanwhile"


def test_a_message_made_while_another_is_written_down_is_not_overlooked(
    post: Post,
    services: Services,
    member: Actor,
    endpoint: Endpoint,
    house: House,
    connection: psycopg.Connection[Any],
) -> None:
    channel = post.webhook(member, endpoint.url)
    services.deliveries.test(member, services.channels, channel.id)
    deliverer, now = Deliverer(house), post.now()
    taken = store.take(post.connection, now, slow=False, lease=LEASE)
    assert taken is not None
    sent = deliverer.send(taken, now)
    with psycopg.connect(services.settings.database_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            """INSERT INTO deliveries (id, organization_id, channel_id, occasion, subject, body)
               SELECT gen_random_uuid(), organization_id, id, 'test', '', '{}' FROM notification_channels"""
        )
        other.execute("UPDATE notification_channels SET next_at = least(next_at, now())")
        waiting = pool.submit(deliverer.finish, post.connection, sent, now)
        locks = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: connection.execute(locks).fetchone() == (1,), "the lock")
        other.commit()
        waiting.result(10)
    assert post.send() == 1


def test_a_receiver_that_takes_for_ever_is_cut_off(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_SECONDS", 0.3)
    endpoint.waits = True
    post.webhook(member, endpoint.url)
    post.end_and_send(member)
    [sent] = services.deliveries.page(member)[0]
    assert sent.state == "pending"
    assert sent.tries[0].error
    assert sent.tries[0].ms < 5000


def test_many_that_fail_for_days_switch_the_channel_off(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    channel = post.webhook(member, endpoint.url)
    endpoint.reply = Reply(500)
    now = post.now()
    post.end(member)
    post.absorb()
    for hours in range(0, 24 * 6, 6):
        if hours % 24 == 0:
            services.deliveries.test(member, services.channels, channel.id)
        post.send(now + timedelta(hours=hours))
        if services.channels.get(member, channel.id).disabled_at is not None:
            break
    assert hours >= 24 * 5
    found = services.channels.get(member, channel.id)
    assert "failed for days" in (found.disabled_reason or "")
    said = json.loads(endpoint.requests[-1].body)
    assert said["type"] in ("test", "job.completed")


def test_a_slow_receiver_delays_nobody_else(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    """More slow channels than there are senders, on the thread that the keeper starts."""
    with Endpoint() as slow:
        slow.waits = True
        for _ in range(SENDERS):
            post.webhook(member, slow.url)
            post.webhook(member, slow.url)
        # Known to be slow since its last message.
        post.connection.execute("UPDATE notification_channels SET slow = true")
        post.webhook(member, endpoint.url)
        for _ in range(2):
            post.end(member)
        post.absorb()
        thread = DelivererThread(build_house(services.settings))
        thread.start()
        wait_until(lambda: len(endpoint.requests) == 2, "the messages to the one that is fast")
        assert 0 < len(slow.requests) <= SENDERS, "each channel has one message on its way"
        slow.over.set()
        thread.stop()


def test_two_deliverers_send_a_message_once(post: Post, member: Actor, endpoint: Endpoint, house: House) -> None:
    post.webhook(member, endpoint.url)
    post.end(member)
    post.absorb()
    other = Deliverer(house)
    while other.compose(post.connection, post.now()):
        pass
    taken = store.take(post.connection, post.now(), slow=False, lease=LEASE)
    assert taken is not None
    assert post.send() == 0
    assert post.send(post.now() + LEASE * 2) == 1, "the first one died"
    other.finish(post.connection, other.send(taken, post.now()), post.now())
    assert post.connection.execute("SELECT state, attempts FROM deliveries").fetchall() == [("delivered", 2)]


def test_old_messages_are_forgotten(post: Post, member: Actor, endpoint: Endpoint, house: House) -> None:
    post.webhook(member, endpoint.url)
    post.end_and_send(member)
    deliverer = Deliverer(house)
    assert deliverer.forget(post.connection, post.now() + timedelta(days=29)) == 0
    assert deliverer.forget(post.connection, post.now() + timedelta(days=31)) == 1
    assert post.connection.execute("SELECT count(*) FROM notifications").fetchone() == (0,)
