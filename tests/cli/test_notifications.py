"""`flask notifications …`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.channels import NewChannel
from jobsapp.services.notification_rules import NewNotificationRule

Flask_ = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Flask_:
    return lambda *arguments: app.test_cli_runner().invoke(args=["notifications", *arguments])


def test_channels_are_listed_tried_and_messages_sent_again(flask: Flask_, services: Services, admin: Actor) -> None:
    assert flask("list").output == "Nobody is told of anything.\n"
    channel = services.channels.create(admin, NewChannel("webhook", "Hook", url="https://example.org/"))
    services.notification_rules.create(admin, NewNotificationRule(channel.id, ("failed",)))
    line = flask("list").output.splitlines()[1].split()
    assert line == [str(channel.id), "Hook", "webhook", "own", "https://example.org/", "on", "failed"]
    sent = flask("test", str(channel.id)).output.strip()
    assert sent in flask("deliveries", "--state", "pending").output
    [said] = flask("deliveries", "--json").output.splitlines()
    assert json.loads(said)["id"] == sent
    assert flask("replay", sent).output.strip() == sent, "one that waits is tried now"
    refused = flask("test", str(admin.user_id))
    assert refused.exit_code == 1
    assert "There is no channel" in refused.output
