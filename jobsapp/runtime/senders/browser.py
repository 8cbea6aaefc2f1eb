"""Notifications of the browser: they lie here until a page of the user's fetches them (`static/js/notices.js`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobsapp.runtime.senders.result import Result
from jobsapp.store.notifications import Taken


def send(_taken: Taken, _settings: dict[str, Any], _now: datetime) -> Result:
    return Result(answer="It is there for the user's pages.")
