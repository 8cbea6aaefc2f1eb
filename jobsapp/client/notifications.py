"""Who is told of what: channels, rules and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jobsapp.client.base import Calls
from jobsapp.client.retries import Repeat
from jobsapp.client.told import Channel, Channels, Deliveries, Delivery, NotificationRule, NotificationRules

PATH = "api/notifications"


class NotificationCalls(Calls):
    """Calls about notifications."""

    def channels(self) -> list[Channel]:
        """The ways by which one is told.

        Example:
            print([channel.name for channel in client.channels() if channel.disabled_at])
        """
        return [*self._ask(Channels, f"{PATH}/channels").channels]

    def create_channel(
        self, kind: str, name: str, *, url: str = "", to: Sequence[str] = (), organization: bool = False
    ) -> Channel:
        """Make a channel: `email`, `webhook`, `apprise` (Slack, Discord, …) or `browser`.

        A webhook's `secret`, with which its receiver checks the signature, is in this answer and in no other.

        Example:
            channel = client.create_channel("webhook", "Our program", url="https://example.org/hook")
            print(channel.secret)
        """
        scope = "organization" if organization else "own"
        body = {"kind": kind, "name": name, "url": url, "to": list(to), "scope": scope}
        return self._tell(Channel, "POST", f"{PATH}/channels", body, repeat=Repeat.UNDONE)

    def test_channel(self, channel: Channel | UUID | str) -> Delivery:
        """Send a message to see whether it arrives.

        Example:
            print(client.test_channel(channel).state)
        """
        path = f"{PATH}/channels/{_id(channel)}/test"
        return self._tell(Delivery, "POST", path, {}, repeat=Repeat.UNDONE)

    def notification_rules(self) -> list[NotificationRule]:
        """What is told by which channel.

        Example:
            print(len(client.notification_rules()))
        """
        return [*self._ask(NotificationRules, f"{PATH}/rules").rules]

    def notify(self, channel: Channel | UUID | str, *events: str, **rule: Any) -> NotificationRule:
        """Be told by a channel of `completed`, `failed`, `cancelled`, `waiting-long`, `running-long`.

        `rule`: further fields of the API's rule, in camelCase.

        Example:
            client.notify(channel, "failed", types=["data-conversion"], digestMinutes=15)
        """
        body = {"channelId": str(_id(channel)), "events": list(events), **rule}
        return self._tell(NotificationRule, "POST", f"{PATH}/rules", body, repeat=Repeat.UNDONE)

    def deliveries(self, *, channel: Channel | UUID | str | None = None, state: str | None = None) -> list[Delivery]:
        """The newest messages, with what came of each try.

        Example:
            print([one.tries[-1].error for one in client.deliveries(state="failed")])
        """
        chosen = {"channel": None if channel is None else str(_id(channel)), "state": state}
        wanted = {name: value for name, value in chosen.items() if value is not None}
        return [*self._ask(Deliveries, f"{PATH}/deliveries", params=wanted).deliveries]

    def replay(self, delivery: Delivery | UUID | str) -> Delivery:
        """Send a message again.

        Example:
            for delivery in client.deliveries(state="failed"):
                client.replay(delivery)
        """
        path = f"{PATH}/deliveries/{_id(delivery)}/replay"
        return self._tell(Delivery, "POST", path, {}, repeat=Repeat.UNDONE)


def _id(thing: Channel | Delivery | UUID | str) -> UUID | str:
    return thing.id if isinstance(thing, Channel | Delivery) else thing
