"""An application that may send to this machine, what ends jobs, and the receivers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.deliverer import Deliverer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.channels import ChannelView, NewChannel
from jobsapp.services.jobs import NewJob
from jobsapp.services.notification_rules import NewNotificationRule, NotificationRuleView
from jobsapp.store.connect import connect
from tests.notifications.receivers import Endpoint, Mailbox, mail_server

Drain = Callable[[str], int]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {
        "smtp_url": f"smtp://127.0.0.1:{port}",
        "mail_from": "Jobs <jobs@example.org>",
        "notification_allowed_addresses": "127.0.0.1/32",
        "public_url": "https://jobs.example.org",
    }
    return settings.model_copy(update=more)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    with mail_server(int(settings.smtp_url.rpartition(":")[2])) as mailbox:
        yield mailbox


class Post:
    """Ends jobs, takes what follows from that, and sends, each when it is asked to."""

    def __init__(self, services: Services, drain: Drain, advancer: Advancer, deliverer: Deliverer, url: str) -> None:
        self.services, self.drain, self._advancer, self._deliverer = services, drain, advancer, deliverer
        self.connection = connect(url, "test deliverer")

    def end(self, actor: Actor, type_name: str = "echo", name: str = "Import", **fields: Any) -> UUID:
        """Create a job and run it."""
        job = self.services.jobs.create(actor, NewJob(type_name, {}, name=name, max_attempts=1, **fields))[0]
        assert self.drain(type_name) == 1
        return job.id

    def absorb(self) -> int:
        return self._advancer.advance()

    def tick(self) -> None:
        self._advancer.tick()

    def send(self, now: datetime | None = None) -> int:
        """Send what is due then; None: now."""
        return self._deliverer.step(self.connection, now or self.now())

    def end_and_send(self, actor: Actor, type_name: str = "echo", **fields: Any) -> UUID:
        job_id = self.end(actor, type_name, **fields)
        self.absorb()
        self.send()
        return job_id

    def now(self) -> datetime:
        row = self.connection.execute("SELECT now()").fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment.astimezone(UTC)

    def webhook(self, actor: Actor, url: str, scope: str = "own", **rule: Any) -> ChannelView:
        """A channel with a rule about everything."""
        channel = self.services.channels.create(actor, NewChannel("webhook", "Hook", scope, url=url))
        self.rule(actor, channel, scope=scope, **rule)
        return channel

    def rule(self, actor: Actor, channel: ChannelView, **rule: Any) -> NotificationRuleView:
        told: dict[str, Any] = {"events": ("completed", "failed", "cancelled"), "scope": channel.scope, **rule}
        return self.services.notification_rules.create(actor, NewNotificationRule(channel.id, **told))


@pytest.fixture
def post(services: Services, house: House, drain: Drain) -> Iterator[Post]:
    with open_use_cases(house, "test advancer") as (inside, session):
        post = Post(
            services, drain, Advancer(session, *followers_of(inside)), Deliverer(house), house.settings.database_url
        )
        with post.connection:
            yield post


@pytest.fixture
def rows(connection: psycopg.Connection[Any]) -> Callable[[str], list[Any]]:
    return lambda query: connection.execute(query).fetchall()  # type: ignore[arg-type]
