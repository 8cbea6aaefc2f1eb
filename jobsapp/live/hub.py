"""The hub: hears which jobs changed, reads them in batches, renders each once, and hands it to the sockets.

All that sockets get goes through one thread, the loader: the present state on subscribing as well as what follows.
So the states of a job never come out of order, and 500 pages that reconnect at once cost a few statements.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from contextlib import AbstractContextManager
from uuid import UUID

from flask import Flask

from jobsapp.auth.current import services
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.subscription import Subscription
from jobsapp.config import Settings
from jobsapp.core.events import Event, JobChanged
from jobsapp.live.interest import Batch, Interest
from jobsapp.live.news import Form, News
from jobsapp.live.watcher import Code, Watcher
from jobsapp.services.jobs import may_read
from jobsapp.services.sessions import DATABASE_AWAY
from jobsapp.services.views import JobView

log = logging.getLogger(__name__)

MERGE_SECONDS = 0.05
WITHOUT_REDIS_SECONDS = 2.0
AFTER_FAILURE_SECONDS = 1.0
NEWEST = 50
READ_AT_ONCE = 500
REMEMBERED = 10_000


class Hub:
    """One per process. Starts with the first socket, so after any fork. `capacity`: sockets at once."""

    def __init__(self, app: Flask, settings: Settings, *, capacity: int) -> None:
        self._app = app
        self._settings = settings
        self._capacity = capacity
        self._changed = threading.Condition()
        self._interest = Interest()
        self._revisions: OrderedDict[UUID, int] = OrderedDict()
        self._subscription: Subscription | None = None
        self._sweep_at = 0.0
        self._stopping = threading.Event()

    def join(self, watcher: Watcher) -> bool:
        """Let a socket in. False: it is full or stopping, and the socket has been told to close."""
        with self._changed:
            if self._stopping.is_set():
                watcher.close(Code.RESTART, "The server restarts")
            elif len(self._interest.watchers) >= self._capacity:
                watcher.close(Code.TRY_LATER, "Too many pages are open here; try again later")
            else:
                self._interest.join(watcher)
                self._changed.notify_all()
                self._start()
        return watcher.closing is None

    def leave(self, watcher: Watcher, job_ids: set[UUID]) -> None:
        with self._changed:
            self._interest.leave(watcher, job_ids)

    def watch(self, watcher: Watcher, job_id: UUID) -> None:
        """Tell the socket the state of a job, now and whenever it changes. The right to it is checked on reading."""
        with self._changed:
            self._interest.watch(watcher, job_id)
            self._changed.notify_all()

    def unwatch(self, watcher: Watcher, job_id: UUID) -> None:
        with self._changed:
            self._interest.unwatch(watcher, job_id)

    def watch_all(self, watcher: Watcher) -> None:
        """Tell the socket the state of the organisation's newest jobs, and then of all that change."""
        with self._changed:
            self._interest.watch_all(watcher)
            self._changed.notify_all()

    def stop(self) -> None:
        """Close all sockets with 1012 and end. Safe to call twice or unstarted."""
        self._stopping.set()
        with self._changed:
            watchers = list(self._interest.watchers)
            self._changed.notify_all()
        for watcher in watchers:
            watcher.close(Code.RESTART, "The server restarts")
        if self._subscription is not None:
            self._subscription.stop()

    def _start(self) -> None:
        if self._subscription is None:
            redis = redis_connection.steady(self._settings.redis_url)
            self._subscription = Subscription(redis, self._heard, self._signed_out, self._missed)
            self._subscription.start()
            threading.Thread(target=self._run, name="live loader", daemon=True).start()

    def _heard(self, change: JobChanged) -> None:
        with self._changed:
            if self._interest.hear(change):
                self._changed.notify_all()

    def _signed_out(self, user_id: UUID) -> None:
        with self._changed:
            if self._interest.suspect(user_id):
                self._changed.notify_all()

    def _missed(self) -> None:
        with self._changed:
            self._interest.miss()
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._next()
            if not batch:
                continue
            pause = MERGE_SECONDS
            try:
                self._deliver(batch)
            except Exception:
                log.exception("changed jobs could not be read, trying again")
                pause = AFTER_FAILURE_SECONDS
                with self._changed:
                    self._interest.due.take_back(batch)
            self._stopping.wait(pause)

    def _next(self) -> Batch:
        """What is due. Waits for something, but not for ever: without Redis nobody tells."""
        with self._changed:
            self._changed.wait_for(lambda: self._interest.due or self._stopping.is_set(), WITHOUT_REDIS_SECONDS)
            if time.monotonic() >= self._sweep_at and self._subscription and not self._subscription.connected:
                self._sweep_at = time.monotonic() + WITHOUT_REDIS_SECONDS
                self._interest.miss()
            batch, self._interest.due = self._interest.due, Batch()
        return batch

    def _deliver(self, batch: Batch) -> None:
        with self._nobody():
            self._dismiss(batch.users)
            self._expand(batch)
        ids = sorted(batch.heard.keys() | batch.first.keys())
        for start in range(0, len(ids), READ_AT_ONCE):
            self._deliver_some(ids[start : start + READ_AT_ONCE], batch)

    def _nobody(self) -> AbstractContextManager[object]:
        """A request of nobody: templates can make addresses, and find no user whose page it could be."""
        return self._app.test_request_context(base_url=self._settings.base_url)

    def _dismiss(self, user_ids: set[UUID]) -> None:
        """Close the sockets of these users whose login has ended."""
        with self._changed:
            suspects = self._interest.signed_in(user_ids)
        living = self._living({one.login_id for one in suspects if one.login_id})
        for one in suspects:
            if one.login_id not in living:
                one.close(Code.NOT_SIGNED_IN, "You have signed out")

    def _living(self, ids: set[UUID]) -> set[UUID]:
        return services().logins.living(ids) | services().job_tokens.living(ids) if ids else set()

    def _expand(self, batch: Batch) -> None:
        jobs = services().jobs
        for organization_id in batch.organizations:
            for job_id in jobs.newest(organization_id, NEWEST):
                batch.hear(job_id)
        for watcher in batch.newest:
            if watcher.organization_id is not None:
                for job_id in jobs.newest(watcher.organization_id, NEWEST):
                    batch.ask(job_id, watcher)

    def _deliver_some(self, job_ids: list[UUID], batch: Batch) -> None:
        """Read and tell. A job that cannot be read is dropped, so that the others' news arrive."""
        try:
            with self._nobody():
                found = {view.id: News(view) for view in services().views.jobs(services().jobs.read(job_ids))}
                for job_id in job_ids:
                    self._tell(job_id, found.get(job_id), batch)
        except DATABASE_AWAY:
            raise
        except Exception:
            if len(job_ids) == 1:
                log.exception("job %s cannot be read, its news are dropped", job_ids[0])
                return
            middle = len(job_ids) // 2
            for half in (job_ids[:middle], job_ids[middle:]):
                self._deliver_some(half, batch)

    def _tell(self, job_id: UUID, news: News | None, batch: Batch) -> None:
        asked = batch.first.get(job_id, set())
        if news is None:
            self._refuse(job_id, asked)
            return
        self._refuse(job_id, {watcher for watcher in asked if not _may_read(watcher, news.job)})
        event = news.event(created=batch.heard.get(job_id, False))
        for watcher in self._audience(news, asked):
            # A list that was away while a job was created must get its row, whatever state the job has by now.
            row = watcher in batch.newest and watcher.form is Form.ROW
            try:
                watcher.offer(news, Event.CREATED if row else event)
            except Exception:
                log.exception("job %s could not be rendered as %s", job_id, watcher.form)

    def _audience(self, news: News, asked: set[Watcher]) -> set[Watcher]:
        """Those to tell: all that watch the job if it changed since it was last told, else those who just asked."""
        job = news.job
        with self._changed:
            watching = self._interest.audience(job.id, job.organization_id)
        told = self._revisions.pop(job.id, None)
        self._revisions[job.id] = job.revision
        if len(self._revisions) > REMEMBERED:
            self._revisions.popitem(last=False)
        wanted = watching if told != job.revision else watching & asked
        return {watcher for watcher in wanted if _may_read(watcher, job)}

    def _refuse(self, job_id: UUID, watchers: set[Watcher]) -> None:
        for watcher in watchers:
            self.unwatch(watcher, job_id)
            watcher.refuse(job_id)


def _may_read(watcher: Watcher, job: JobView) -> bool:
    return may_read(watcher.reader, job.organization_id, job.id)
