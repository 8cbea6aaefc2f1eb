"""The hub: hears which jobs changed, reads them in batches, renders each once, and hands it to the sockets.

All that sockets get goes through one thread, the loader: the present state on subscribing as well as what follows.
So the states of a job never come out of order, and 500 pages that reconnect at once cost a few statements. Another
thread, the switchboard, reads and writes the sockets.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from uuid import UUID

from flask import Flask

from jobsapp.auth.current import services
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.bells import Bells
from jobsapp.bus.subscription import Subscription
from jobsapp.config import Settings
from jobsapp.core.events import JobChanged
from jobsapp.live import rights
from jobsapp.live.connection import Connection
from jobsapp.live.courtesy import Courtesy, Patience
from jobsapp.live.interest import Batch, Interest
from jobsapp.live.message import gone, notice
from jobsapp.live.news import Form, News
from jobsapp.live.parcel import sort_out
from jobsapp.live.switchboard import Switchboard
from jobsapp.live.told import Told
from jobsapp.live.watcher import Code, Watcher
from jobsapp.services.jobs import may_read
from jobsapp.services.sessions import DATABASE_AWAY

log = logging.getLogger(__name__)

MERGE_SECONDS = 0.05
# Of its time the hub works a third at most: the rest is for requests, and what waits merges meanwhile.
REST = 2.0
LONGEST_REST_SECONDS = 1.0
CHECK_SECONDS = 30.0
WITHOUT_REDIS_SECONDS = 2.0
AFTER_FAILURE_SECONDS = 1.0
NEWEST = 50
READ_AT_ONCE = 500
# Pieces between which requests go first, and for how long in a whole batch.
PIECE = 10
PATIENCE_SECONDS = 0.1
STOP_SECONDS = 5.0


class Hub:
    """One per process. Starts with the first socket or the first request that waits, so after any fork.

    `bells`: of requests that wait. `capacity`: sockets at once. `threads`: of these, how many may hold the thread of
    their request, as TLS does that the web server speaks itself.
    """

    def __init__(self, app: Flask, settings: Settings, bells: Bells, *, capacity: int, threads: int) -> None:
        self._app = app
        self._bells = bells
        self._settings = settings
        self._capacity = capacity
        self._threads = threads
        self._changed = threading.Condition()
        self._interest = Interest()
        self._courtesy = Courtesy()
        self._courtesy.init_app(app)
        self._switchboard = Switchboard(self._left, self._courtesy)
        self._told = Told()
        self._subscription: Subscription | None = None
        self._loader: threading.Thread | None = None
        self._sweep_at = 0.0
        self._check_at = 0.0
        self._stopping = threading.Event()
        bells.begin = self.listen

    def listen(self) -> None:
        """Hear the news from now on, though there may be no socket."""
        with self._changed:
            if not self._stopping.is_set():
                self._start()

    def adopt(self, connection: Connection, begin: Callable[[], None]) -> None:
        """Keep a socket until its end; `begin` says what it wants. One for which there is no room is told so."""
        watcher = connection.watcher
        watcher.wake = partial(self._switchboard.wake, connection)
        limit = self._threads if connection.over else self._capacity
        joined = watcher.closing is None and self._join(watcher, limit)
        self._switchboard.adopt(connection)
        if joined:
            begin()

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
        """Close all sockets with 1012, wait a moment until their clients have seen it, and end. Safe to call twice."""
        self._stopping.set()
        self._bells.close()
        with self._changed:
            watchers = list(self._interest.watchers)
            self._changed.notify_all()
        for watcher in watchers:
            watcher.close(Code.RESTART, "The server restarts")
        if self._subscription is not None:
            self._subscription.stop()
        self._switchboard.stop()
        if self._loader is not None:
            # What is being read just now needs its connection to the database.
            self._loader.join(STOP_SECONDS)

    def _join(self, watcher: Watcher, limit: int) -> bool:
        with self._changed:
            if self._stopping.is_set():
                watcher.close(Code.RESTART, "The server restarts")
            elif len(self._interest.watchers) >= limit:
                watcher.close(Code.TRY_LATER, "Too many pages are open here; try again later")
            else:
                self._interest.join(watcher)
                self._changed.notify_all()
                self._start()
        return watcher.closing is None

    def _left(self, connection: Connection) -> None:
        with self._changed:
            self._interest.leave(connection.watcher)

    def _start(self) -> None:
        if self._subscription is None:
            redis = redis_connection.steady(self._settings.redis_url)
            self._subscription = Subscription(redis, self._heard, self._signed_out, self._noticed, self._missed)
            self._subscription.start()
            self._loader = threading.Thread(target=self._run, name="live loader", daemon=True)
            self._loader.start()

    def _heard(self, change: JobChanged) -> None:
        self._bells.ring(change.job_id)
        with self._changed:
            if self._interest.hear(change):
                self._changed.notify_all()

    def _signed_out(self, user_id: UUID) -> None:
        with self._changed:
            if self._interest.suspect(user_id):
                self._changed.notify_all()

    def _noticed(self, user_id: UUID) -> None:
        """Tell the user's pages to ask what there is."""
        with self._changed:
            watchers = self._interest.of_keys({user_id})
        for watcher in watchers:
            if not watcher.form.is_json:
                watcher.offer(notice(watcher.form))

    def _missed(self) -> None:
        self._bells.ring_all()
        with self._changed:
            self._interest.miss()
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._next()
            if not batch:
                continue
            began = time.monotonic()
            try:
                self._deliver(batch)
                # What is not sent yet is work to come, and a newer state would take its place.
                self._switchboard.settle(LONGEST_REST_SECONDS)
                rest = min(LONGEST_REST_SECONDS, REST * (time.monotonic() - began))
            except Exception:
                log.exception("changed jobs could not be read, trying again")
                rest = AFTER_FAILURE_SECONDS
                with self._changed:
                    self._interest.due.take_back(batch)
            self._pause(rest)

    def _pause(self, rest: float) -> None:
        """Rest, and let progress merge for MERGE_SECONDS; what is more than progress does not wait for that."""
        self._stopping.wait(rest)
        with self._changed:
            self._changed.wait_for(
                lambda: self._interest.due.urgent or self._stopping.is_set(), max(0.0, MERGE_SECONDS - rest)
            )

    def _next(self) -> Batch:
        """What is due. Waits for something, but not for ever: without Redis nobody tells."""
        with self._changed:
            self._changed.wait_for(lambda: self._interest.due or self._stopping.is_set(), WITHOUT_REDIS_SECONDS)
            now = time.monotonic()
            if now >= self._sweep_at and self._subscription and not self._subscription.connected:
                self._sweep_at = now + WITHOUT_REDIS_SECONDS
                self._interest.miss()
            if now >= self._check_at:
                self._check_at = now + CHECK_SECONDS
                self._interest.suspect_all()
            batch, self._interest.due = self._interest.due, Batch()
        return batch

    def _deliver(self, batch: Batch) -> None:
        rights.dismiss(self._app, self._suspects(batch.users))
        with self._nobody():
            newest = self._expand(batch)
            self._bury(self._missing(batch))
        ids = sorted(batch.heard.keys() | batch.first.keys() | set().union(*newest.values()))
        # An end, or somebody who has just come, does not wait.
        patience = self._courtesy.budget(0 if batch.urgent else PATIENCE_SECONDS)
        for start in range(0, len(ids), READ_AT_ONCE):
            self._deliver_some(ids[start : start + READ_AT_ONCE], batch, newest, patience)

    def _nobody(self) -> AbstractContextManager[object]:
        """A request of nobody: templates can make addresses, and find no user whose page it could be."""
        return self._app.test_request_context(base_url=self._settings.base_url)

    def _suspects(self, keys: set[UUID]) -> list[Watcher]:
        with self._changed:
            return self._interest.of_keys(keys)

    def _expand(self, batch: Batch) -> dict[UUID, set[UUID]]:
        """The newest jobs of each organisation for which they are asked."""
        asked = {watcher.organization_id for watcher in batch.newest if watcher.organization_id}
        newest = {one: services().jobs.newest(one, NEWEST) for one in asked | batch.organizations}
        for organization_id in batch.organizations:
            for job_id in newest[organization_id]:
                batch.hear(job_id)
        return {one: set(newest[one]) for one in asked}

    def _deliver_some(
        self, job_ids: list[UUID], batch: Batch, newest: dict[UUID, set[UUID]], patience: Patience
    ) -> None:
        """Read and tell. A job that cannot be read is dropped, so that the others' news arrive."""
        try:
            with self._nobody():
                found = self._read(job_ids, patience)
                self._refuse(set(job_ids), found, batch)
                with self._changed:
                    parcels = list(sort_out(found, self._told.unheard(found), batch, newest, self._interest))
                for parcel in parcels:
                    parcel.hand_out(patience.give_way)
        except DATABASE_AWAY:
            raise
        except Exception:
            if len(job_ids) == 1:
                log.exception("job %s cannot be read, its news are dropped", job_ids[0])
                return
            middle = len(job_ids) // 2
            for half in (job_ids[:middle], job_ids[middle:]):
                self._deliver_some(half, batch, newest, patience)

    def _read(self, job_ids: list[UUID], patience: Patience) -> list[News]:
        """The present states, in the order of the ids."""
        found: list[News] = []
        for start in range(0, len(job_ids), PIECE):
            patience.give_way()
            jobs = services().jobs.read(job_ids[start : start + PIECE])
            found += [News(view) for view in services().views.jobs(jobs)]
        return sorted(found, key=lambda news: news.job.id)

    def _missing(self, batch: Batch) -> dict[UUID, UUID]:
        """Of the jobs that are said to be deleted those that are. The others are only read anew: Redis may lie."""
        there = services().jobs.existing(batch.gone) if batch.gone else set()
        for job_id in there:
            batch.hear(job_id)
        return {job_id: owner for job_id, owner in batch.gone.items() if job_id not in there}

    def _bury(self, deleted: dict[UUID, UUID]) -> None:
        """Tell of deleted jobs. Rendered once per form, as all news."""
        for job_id, organization_id in deleted.items():
            with self._changed:
                watchers = self._interest.of_job(job_id) | self._interest.of_organization(organization_id)
            allowed = [one for one in watchers if may_read(one.reader, organization_id, job_id)]
            bundles = {form: gone(job_id, form) for form in {one.form for one in allowed} - {Form.PANEL, Form.SHARED}}
            for watcher in allowed:
                self.unwatch(watcher, job_id)
                watcher.bury(bundles.get(watcher.form))

    def _refuse(self, job_ids: set[UUID], found: list[News], batch: Batch) -> None:
        """Tell those who asked for a job that is not there, or not for them. It may have been deleted unheard."""
        owners = {news.job.id: news.job.organization_id for news in found}
        for job_id in job_ids:
            owner = owners.get(job_id)
            asked = batch.first.get(job_id, set())
            if owner is None:
                with self._changed:
                    asked = asked | self._interest.of_job(job_id)
            for watcher in list(asked):
                if owner is None or not may_read(watcher.reader, owner, job_id):
                    self.unwatch(watcher, job_id)
                    watcher.refuse(job_id)
