"""Who is told of what: channels, rules and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jobsapp.client.base import Calls
from jobsapp.client.errors import NotFound
from jobsapp.client.retries import Repeat
from jobsapp.client.told import (
    Channel,
    Channels,
    Deliveries,
    Delivery,
    NotificationRule,
    NotificationRules,
    NotificationWords,
)

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

    def change_channel(self, channel: Channel | UUID | str, **changes: Any) -> Channel:
        """Change its `name`, `url` or `to`; `enabled=False` switches it off, and True on again.

        Example:
            channel = client.change_channel(channel, name="Our other program", enabled=False)
            channel = client.change_channel(channel, enabled=True)
        """
        return self._tell(Channel, "PATCH", f"{PATH}/channels/{_id(channel)}", changes, repeat=Repeat.ALWAYS)

    def renew_channel_secret(self, channel: Channel | UUID | str) -> Channel:
        """Make a new secret of a webhook: `secret` of the answer. For a day messages carry both signatures.

        Example:
            print(client.renew_channel_secret(channel).secret)
        """
        return self._tell(Channel, "POST", f"{PATH}/channels/{_id(channel)}/secret", {}, repeat=Repeat.UNDONE)

    def delete_channel(self, channel: Channel | UUID | str) -> None:
        """Delete it with its rules and its log. Raises NotFound.

        Example:
            client.delete_channel(channel)
        """
        self._delete(f"{PATH}/channels/{_id(channel)}")

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
            rule = client.notify(channel, "failed", types=["data-conversion"], digestMinutes=15)
        """
        body = {"channelId": str(_id(channel)), "events": list(events), **rule}
        return self._tell(NotificationRule, "POST", f"{PATH}/rules", body, repeat=Repeat.UNDONE)

    def change_notification_rule(
        self, rule: NotificationRule | UUID | str, channel: Channel | UUID | str, *events: str, **said: Any
    ) -> NotificationRule:
        """Say anew what a rule is, as `notify` does: what is not said is as if it were new.

        Example:
            rule = client.change_notification_rule(rule, channel, "failed", "cancelled", digestMinutes=60)
        """
        body = {"channelId": str(_id(channel)), "events": list(events), **said}
        return self._tell(NotificationRule, "PUT", f"{PATH}/rules/{_id(rule)}", body, repeat=Repeat.ALWAYS)

    def remove_notification_rule(self, rule: NotificationRule | UUID | str) -> None:
        """Tell of it no more. Raises NotFound.

        Example:
            client.remove_notification_rule(rule)
        """
        self._delete(f"{PATH}/rules/{_id(rule)}")

    def notification_words(self) -> NotificationWords:
        """The organisation's templates of subject and text.

        Example:
            print(client.notification_words().defaults["subject"])
        """
        return self._ask(NotificationWords, f"{PATH}/words")

    def set_notification_words(self, **words: str | None) -> NotificationWords:
        """Set `subject`, `text`, `digestSubject`, `digestText`; what is not given is as it comes with jobsapp.

        Example:
            client.set_notification_words(subject="{{ job.name }}: {{ words }}")
        """
        return self._tell(NotificationWords, "PUT", f"{PATH}/words", words, repeat=Repeat.ALWAYS)

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

    def _delete(self, path: str) -> None:
        try:
            self._wire.send("DELETE", path)
        except NotFound as error:
            if not error.repeated:
                raise


def _id(thing: Channel | NotificationRule | Delivery | UUID | str) -> UUID | str:
    return thing.id if isinstance(thing, Channel | NotificationRule | Delivery) else thing
