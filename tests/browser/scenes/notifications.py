"""Channels, rules and messages."""

from __future__ import annotations

import json
from uuid import UUID

import psycopg

from jobsapp.core.actors import Actor
from jobsapp.core.sealing import sealer_of
from jobsapp.services import Services
from jobsapp.services.channels import NewChannel
from jobsapp.services.notification_rules import NewNotificationRule
from jobsapp.services.unsubscribing import unsubscribe_url
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene

TRY = {"at": "2026-11-26T01:02:07Z", "ms": 84, "status": 503, "answer": "busy", "error": "The receiver answered 503."}
SCENES = (
    Scene("notifications", "notifications.index", "/notifications"),
    Scene("notifications-empty", "notifications.index", "/notifications", who=NEWCOMER),
    Scene("notifications-channel", "notifications.new_channel", "/notifications/channels/new"),
    Scene("notifications-channel-change", "notifications.edit_channel", "/notifications/channels/{channel}"),
    Scene("notifications-channel-delete", "notifications.ask", "/notifications/channels/{channel}/delete"),
    Scene("notifications-rule", "notification_rules.new", "/notifications/rules/new"),
    Scene("notifications-rule-change", "notification_rules.edit", "/notifications/rules/{rule}"),
    Scene("notifications-words", "notification_rules.words", "/notifications/words"),
    Scene("notifications-log", "deliveries.index", "/notifications/deliveries"),
    Scene("notifications-message", "deliveries.show", "/notifications/deliveries/{delivery}"),
    Scene("notifications-end", "unsubscribe.ask", "/notifications/unsubscribe/{link}", who=""),
)


def set_up(product: Product, _: Made) -> Made:
    """Channels in their states, a rule with all there is, and a message that was tried."""
    with product.app.app_context():
        services, actor = product.services, product.actor()
        hook, team = _channels(services, actor)
        rule = services.notification_rules.create(actor, _full_rule(hook))
        off = NewNotificationRule(team, ("failed",), "organization", enabled=False)
        services.notification_rules.create(actor, off)
        sent = services.deliveries.test(actor, services.channels, hook)
        link = unsubscribe_url("", sealer_of(product.app.config["SECRET_KEY"]), team).rpartition("/")[2]
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute("UPDATE deliveries SET attempts = 1, tries = %s::jsonb", [json.dumps([TRY])])
        connection.execute(
            "UPDATE notification_channels SET disabled_at = now(), disabled_reason = 'Every try has failed for days.' "
            "WHERE id = %s",
            [team],
        )
    return {"channel": str(hook), "rule": str(rule.id), "delivery": str(sent.id), "link": link}


def _channels(services: Services, actor: Actor) -> tuple[UUID, UUID]:
    """A webhook and an e-mail channel, by their ids."""
    create = services.channels.create
    hook = create(actor, NewChannel("webhook", "The order desk", url="https://orders.example.org/hooks/jobs"))
    team = create(actor, NewChannel("email", "The team", "organization", to=("team@example.org",)))
    create(actor, NewChannel("browser", "This browser"))
    return hook.id, team.id


def _full_rule(channel_id: UUID) -> NewNotificationRule:
    return NewNotificationRule(
        channel_id,
        ("failed", "running-long"),
        types=("steps",),
        digest_minutes=15,
        quiet_from="22:00",
        quiet_until="07:00",
        zone="Europe/Vienna",
        failures_through=True,
    )
