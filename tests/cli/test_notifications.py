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


def test_channels_rules_and_words_from_their_making_to_their_end(
    flask: Flask_, services: Services, admin: Actor
) -> None:
    made = flask("create", "webhook", "Hook", "--url", "https://example.org/hook")
    channel, secret = made.output.split(maxsplit=1)
    assert "told this once: whsec_" in secret
    rule = flask("rules", "create", channel, "failed", "running-long", "--type", "echo", "--running", "60",
                 "--digest", "15", "--quiet", "22:00-07:00", "--zone", "Europe/Berlin",
                 "--failures-through")  # fmt: skip
    [view] = services.notification_rules.all(admin)
    assert rule.output.strip() == str(view.id)
    assert (view.events, view.types, view.running_seconds, view.digest_minutes) == (
        ["failed", "running-long"],
        ["echo"],
        60,
        15,
    )
    assert view.without_steps
    assert (view.quiet_from, view.quiet_until, view.zone, view.failures_through) == (
        "22:00",
        "07:00",
        "Europe/Berlin",
        True,
    )
    assert "failed, running-long" in flask("rules", "list").output
    assert json.loads(flask("rules", "list", "--json").output)["channelName"] == "Hook"
    assert "completed" in flask("rules", "replace", str(view.id), channel, "completed", "--off", "--steps").output
    [view] = services.notification_rules.all(admin)
    assert (view.events, view.types, view.enabled, view.quiet_from) == (["completed"], [], False, None)
    assert not view.without_steps
    assert flask("change", channel, "--name", "Other", "--off").output == "off\n"
    assert flask("list").output.splitlines()[1].split()[1:] == [
        *("Other", "webhook", "own", "https://example.org/…", "off", "-"),
    ]
    assert flask("change", channel, "--on").output == "on\n"
    assert flask("secret", channel).output.strip() not in made.output
    assert flask("rules", "remove", str(view.id)).output == "Removed.\n"
    assert flask("delete", channel).output == "Deleted.\n"
    assert services.channels.all(admin) == []

    assert json.loads(flask("words", "--subject", "{{ job.name }}!").output)["subject"] == "{{ job.name }}!"
    assert json.loads(flask("words", "--text", "{{ words }}").output)["subject"] == "{{ job.name }}!", "it stays"
    assert json.loads(flask("words", "--subject", "").output)["subject"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "webhook", "Hook", "--url", "http://10.0.0.1/"), "url: must be a public address"),
        (("create", "pigeon", "Hook"), "'pigeon' is not one of"),
        (("rules", "create", "CHANNEL", "failed", "--quiet", "22:00"), "--quiet: must be two times"),
        (("rules", "create", "CHANNEL", "failed", "--quiet", "22:00-25:00"), "quietUntil: must be a time"),
        (("words", "--subject", "{{ nothing }}"), "subject: "),
    ],
)
def test_a_fault_is_a_sentence(
    flask: Flask_, services: Services, admin: Actor, arguments: tuple[str, ...], said: str
) -> None:
    channel = services.channels.create(admin, NewChannel("browser", "Here"))
    done = flask(*(str(channel.id) if one == "CHANNEL" else one for one in arguments))
    assert done.exit_code != 0
    assert said in done.output
    assert "Traceback" not in done.output
