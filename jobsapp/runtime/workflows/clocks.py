"""Clocks of workflows (`runtime/advancer.py`): one claims runs that can be begun, one looks at those that are due.

They are two, because a claim may lock what keeps limits, and every worker that starts something limited waits for that.
So it is committed with nothing but a row in the outbox for each run, which the engine begins them by.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from psycopg import Connection

from jobsapp.bus.after_commit import after_commit
from jobsapp.core.events import Event, JobChanged
from jobsapp.runtime.workflows.engine import LEASE_SECONDS, WORKER, WorkflowEngine
from jobsapp.services import Services
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.workflows import TYPE
from jobsapp.store import workflows as store
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.outbox import WORKFLOWS_DUE, WORKFLOWS_TO_BEGIN, call
from jobsapp.store.turns import FIRST, take_turn

AT_ONCE = 20
"""Runs that are claimed, or looked at, in one round. If there may be more the clock is called again at once."""
CAUGHT_UP_AT_ONCE = 1000


class BeginClock:
    def __init__(self, services: Services) -> None:
        self._session: DbSession = services.workflows.session
        self._hints = services.workflows.hints
        self._registry = services.registry

    def tick(self, now: datetime) -> None:
        """Claim runs, if there are any, for the engine to begin."""
        queue = self._registry.get(TYPE).queue
        # Whoever looks at the queue sees whether somebody serves it.
        self._hints.announce(WORKER, [queue])
        connection = driver(self._session)
        if not store.wait(connection, queue):
            return
        claimed = self._claim(connection, queue)
        if not claimed:
            return
        store.tell_claimed(connection, [job.id for job in claimed])
        if len(claimed) == AT_ONCE:
            call(connection, WORKFLOWS_TO_BEGIN)
        changes = [JobChanged(job.id, job.organization_id, Event.UPDATE, job.revision) for job in claimed]
        after_commit(self._session(), partial(self._hints.publish, changes))

    def _claim(self, connection: Connection[Any], queue: str) -> list[ClaimedJob]:
        turn = take_turn(connection, [], queue=queue, worker=WORKER, lease_seconds=LEASE_SECONDS, limit=AT_ONCE)
        if turn.limited:
            turn = claim_within_limits(
                connection,
                queue,
                worker=WORKER,
                lease_seconds=LEASE_SECONDS,
                limit=AT_ONCE,
                after=FIRST,
                types=self._registry.types_of(queue),
            )
        return turn.claimed


class DueClock:
    def __init__(self, services: Services, engine: WorkflowEngine) -> None:
        self._session: DbSession = services.workflows.session
        self._engine = engine
        self._caught_up = False

    def tick(self, now: datetime) -> None:
        """Bring on the runs whose time has come."""
        connection = driver(self._session)
        if not self._caught_up:
            self._catch_up(connection)
        found = store.due(connection, limit=AT_ONCE)
        self._engine.bring_on(found)
        if len(found) == AT_ONCE:
            call(connection, WORKFLOWS_DUE)

    def _catch_up(self, connection: Connection[Any]) -> None:
        """What whoever led before left undone: only if this is committed it is done."""
        if lost := store.not_begun(connection, WORKER):
            store.tell_claimed(connection, lost)
        if store.catch_up(connection, limit=CAUGHT_UP_AT_ONCE) < CAUGHT_UP_AT_ONCE:
            after_commit(self._session(), partial(setattr, self, "_caught_up", True))
