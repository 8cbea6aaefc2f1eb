"""Jobs that were cancelled are told of as what ended otherwise; and nothing is lost while nobody listens at all."""

from __future__ import annotations

import json
from datetime import timedelta

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.channels import ChannelChange, NewChannel
from jobsapp.services.jobs import NewJob
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, mail_server


def test_a_job_that_was_cancelled_is_told_of(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url, events=("cancelled",))
    post.end(member)
    job = services.jobs.create(member, NewJob("echo", {}, name="Import"))[0]
    services.jobs.cancel(member, job.id, reason="twice the same")
    post.absorb()
    post.send()
    (told,) = [json.loads(one.body) for one in endpoint.requests]
    assert (told["type"], told["data"]["id"]) == ("job.cancelled", str(job.id))
    assert told["data"]["cancelReason"] == "twice the same"


def test_a_mail_tells_who_cancelled_what(post: Post, services: Services, member: Actor, settings: Settings) -> None:
    with mail_server(int(settings.smtp_url.rpartition(":")[2])) as mailbox:
        post.rule(member, services.channels.create(member, NewChannel("email", "Mail", "own")), events=("cancelled",))
        job = services.jobs.create(member, NewJob("echo", {}, name="Import of May"))[0]
        services.jobs.cancel(member, job.id, reason="twice the same")
        post.absorb()
        post.send()
        (message,) = mailbox.messages
    assert "Import of May" in str(message["subject"])
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert "cancelled" in part.get_content()
        assert "twice the same" in part.get_content()


def test_a_port_at_which_nobody_listens_loses_nothing(post: Post, services: Services, member: Actor) -> None:
    with Endpoint() as gone:
        url = gone.url
    post.webhook(member, url)
    job_id = post.end_and_send(member)
    (waiting,) = services.deliveries.page(member)[0]
    assert (waiting.state, waiting.attempts) == ("pending", 1)
    assert waiting.tries[0].status is None
    with Endpoint() as back:
        services.channels.change(member, waiting.channel_id, ChannelChange(url=back.url))
        assert post.send(post.now() + timedelta(seconds=10)) == 1
        (request,) = back.requests
    assert json.loads(request.body)["data"]["id"] == str(job_id)
    assert services.deliveries.page(member)[0][0].state == "delivered"


def test_a_mail_server_that_is_off_loses_nothing(
    post: Post, services: Services, member: Actor, settings: Settings
) -> None:
    post.rule(member, services.channels.create(member, NewChannel("email", "Mail", "own")))
    post.end_and_send(member)
    (waiting,) = services.deliveries.page(member)[0]
    assert (waiting.state, waiting.attempts) == ("pending", 1)
    with mail_server(int(settings.smtp_url.rpartition(":")[2])) as mailbox:
        assert post.send(post.now() + timedelta(seconds=10)) == 1
        assert len(mailbox.messages) == 1
    assert services.deliveries.page(member)[0][0].state == "delivered"
