"""Hearing the news of jobs and logins: one subscription per process, which outlives Redis going and coming back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from uuid import UUID

from redis import Redis

from jobsapp.bus.connection import RedisError
from jobsapp.bus.hints import CHANNEL, LOGINS, NOTICES
from jobsapp.bus.messages import Refused, read_id, read_news
from jobsapp.core.events import JobChanged

log = logging.getLogger(__name__)

CHANNELS = (CHANNEL, LOGINS, NOTICES)
POLL_SECONDS = 1.0


class Subscription:
    """Calls `heard` for every change of a job, `ended` with every user some of whose logins have ended, `noticed`
    with every user whose pages have something to tell, and `resumed` whenever any of it may have been missed.
    """

    def __init__(
        self,
        connection: Redis,
        heard: Callable[[JobChanged], None],
        ended: Callable[[UUID], None],
        noticed: Callable[[UUID], None],
        resumed: Callable[[], None],
    ) -> None:
        self._redis = connection
        self._heard = heard
        self._ended = ended
        self._noticed = noticed
        self._resumed = resumed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self.connected = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening. Safe to call twice."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except RedisError as error:
                log.warning("no news of jobs, Redis is away: %s", error)
            self.connected = False
            self._stopping.wait(POLL_SECONDS)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=False) as pubsub:
            pubsub.subscribe(*CHANNELS)
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=POLL_SECONDS)
                if message is None:
                    continue
                if message["type"] == "subscribe" and message["data"] == len(CHANNELS):
                    self.connected = True
                    self._resumed()
                elif message["type"] == "message":
                    self._tell(message["channel"].decode(), message["data"])

    def _tell(self, channel: str, data: bytes) -> None:
        try:
            news = read_news(data) if channel == CHANNEL else read_id(data)
        except Refused as error:
            log.warning("refused a message on %s: %s", channel, error)
            return
        if isinstance(news, UUID):
            (self._noticed if channel == NOTICES else self._ended)(news)
        else:
            for change in news:
                self._heard(change)
