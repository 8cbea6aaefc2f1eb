"""Notifications."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.services.channels import Channels
from jobsapp.services.deliveries import Deliveries
from jobsapp.services.notification_rules import NotificationRules
from jobsapp.services.notification_words import NotificationWords
from jobsapp.services.notifications import Notifications
from jobsapp.services.unsubscribing import Unsubscribing
from jobsapp.services.wiring.given import Given


@dataclass(frozen=True)
class NotificationServices:
    """What is told to whom, and by which way."""

    notifications: Notifications
    channels: Channels
    notification_rules: NotificationRules
    notification_words: NotificationWords
    deliveries: Deliveries
    unsubscribing: Unsubscribing


def build_notifications(given: Given) -> NotificationServices:
    session, settings = given.session, given.settings
    return NotificationServices(
        notifications=Notifications(session, settings.base_url),
        channels=Channels(session, given.sealer, settings),
        notification_rules=NotificationRules(session),
        notification_words=NotificationWords(session),
        deliveries=Deliveries(session),
        unsubscribing=Unsubscribing(session, given.sealer),
    )
