"""What one client has asked for so far, and what it may ask for."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from jobsapp.errors import InvalidInput
from jobsapp.live.protocol import parse
from jobsapp.live.watcher import Watcher, error_text

SUBSCRIPTIONS_LIMIT = 500


class Desk(Protocol):
    """Where wishes go."""

    def watch(self, watcher: Watcher, job_id: UUID) -> None: ...

    def unwatch(self, watcher: Watcher, job_id: UUID) -> None: ...

    def watch_all(self, watcher: Watcher) -> None: ...


class Talk:
    def __init__(self, desk: Desk, watcher: Watcher) -> None:
        self.watcher = watcher
        self._desk = desk

    def watch(self, job_id: UUID) -> None:
        self._desk.watch(self.watcher, job_id)

    def watch_all(self) -> None:
        self._desk.watch_all(self.watcher)

    def hear(self, message: str | bytes) -> str | None:
        """Do what a JSON client says, or answer why not. Pages have nothing to say."""
        if not self.watcher.form.is_json:
            return None
        try:
            wish = parse(message)
        except InvalidInput as error:
            return error_text(error.code, error.detail)
        job_ids = self.watcher.job_ids
        if wish.action == "unsubscribe-job":
            self._desk.unwatch(self.watcher, wish.job_id)
        elif len(job_ids) >= SUBSCRIPTIONS_LIMIT and wish.job_id not in job_ids:
            text = f"At most {SUBSCRIPTIONS_LIMIT} jobs per socket; ask for all with ?jobs=all."
            return error_text("too-many", text, wish.job_id)
        else:
            self._desk.watch(self.watcher, wish.job_id)
        return None
