"""How a message leaves, by the kind of its channel. Each sends one message once and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from jobsapp.core.notifications import Kind
from jobsapp.core.sealing import CannotOpen
from jobsapp.runtime.house import House
from jobsapp.runtime.senders import apprise, browser, mail, webhook
from jobsapp.runtime.senders.outgoing import Outgoing
from jobsapp.runtime.senders.result import Result
from jobsapp.store.notifications import Taken

__all__ = ["Result", "Senders"]

Send = Callable[[Taken, dict[str, Any], datetime], Result]


class Senders:
    """May be used from many threads. Never raises: what goes wrong is a result too."""

    def __init__(self, house: House) -> None:
        outgoing = Outgoing(house.settings.notification_networks)
        self._sealer = house.sealer()
        self._by_kind: dict[str, Send] = {
            Kind.EMAIL: mail.Mailer(house.settings, self._sealer).send,
            Kind.WEBHOOK: webhook.Webhooks(outgoing).send,
            Kind.APPRISE: apprise.AppriseSender(outgoing).send,
            Kind.BROWSER: browser.send,
        }

    def send(self, taken: Taken, now: datetime) -> Result:
        try:
            settings = self._sealer.open_json(taken.channel_id, taken.settings)
        except CannotOpen:
            return Result.failed("The channel's settings were sealed with another JOBSAPP_SECRET_KEY: save it anew.")
        try:
            return self._by_kind[taken.kind](taken, settings, now)
        except Exception as error:  # Nobody foresaw it; the others' messages must go on.
            return Result.failed(f"It could not be sent: {type(error).__name__}.")
