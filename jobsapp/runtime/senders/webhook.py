"""Signed webhooks, as Standard Webhooks has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobsapp.core.signatures import signed_headers
from jobsapp.runtime.senders.outgoing import Outgoing
from jobsapp.runtime.senders.result import Result
from jobsapp.store.notifications import Taken


class Webhooks:
    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def send(self, taken: Taken, settings: dict[str, Any], now: datetime) -> Result:
        """The id is the message's, in each try the same; the time is that of the try."""
        body = taken.body.encode()
        headers = signed_headers(f"msg_{taken.id}", now, body, secrets_of(settings, now))
        return self._outgoing.post(settings["url"], body, {"Content-Type": "application/json", **headers})


def secrets_of(settings: dict[str, Any], now: datetime) -> list[str]:
    """The secret in force, and the one before for as long as it counts."""
    found = [settings["secret"]]
    if settings.get("old") and now < datetime.fromisoformat(settings["old_until"]):
        found.append(settings["old"])
    return found
