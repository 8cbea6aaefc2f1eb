"""Jobs that wait for others: what becomes of them when those end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, cast, select

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import JobChanged, event_for
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Job
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import dependencies as store
from jobsapp.store import outbox
from jobsapp.store.outbox import EndedJob

FOLLOW_SECONDS = 5.0
FOLLOW_PAUSE_SECONDS = 0.01


class Dependencies:
    def __init__(self, session: DbSession, hints: Hints) -> None:
        self._session = session
        self._hints = hints

    def follow(self, actor: Actor, job_ids: Iterable[UUID]) -> None:
        """Have the ends of these jobs told from now on, and commit. Call it before anything of a request is written.

        Raises InvalidInput naming the first that is no job of the organisation, and Conflict if somebody holds one of
        them for seconds.
        """
        left = sorted(set(job_ids))
        if not left:
            return
        known = self.known(actor, left)
        if unknown := [job_id for job_id in left if job_id not in known]:
            raise InvalidInput.of("dependsOn", f"There is no job {unknown[0]}.")
        until = time.monotonic() + FOLLOW_SECONDS
        while left:
            left = store.follow(driver(self._session), left, organization_id=actor.organization_id)
            # What is locked is written by somebody who may want what is locked here.
            self._session.commit()
            if left and time.monotonic() > until:
                raise Conflict(f"The job {left[0]} is being changed by somebody else; try again.")
            if left:
                time.sleep(FOLLOW_PAUSE_SECONDS)

    def known(self, actor: Actor, job_ids: Iterable[UUID]) -> set[UUID]:
        """Those of these ids that are jobs of the organisation."""
        wanted = Job.id == any_(cast(list(job_ids), ARRAY(Uuid)))
        return set(self._session.scalars(select(Job.id).where(Job.organization_id == actor.organization_id, wanted)))

    def add(self, actor: Actor, edges: Sequence[tuple[UUID, UUID, str]], *, fresh: bool = False) -> dict[UUID, int]:
        """Add (job, parent, what if the parent fails). The parents are followed, and nobody else knows the jobs yet.

        `fresh`: the parents too are made in this transaction. Returns for how many each of the jobs waits. Raises
        Conflict, for the caller to roll back, if one was deleted meanwhile.
        """
        if not edges:
            return {}
        connection = driver(self._session)
        try:
            blockers = store.add(connection, edges, organization_id=actor.organization_id)
        except LookupError:
            raise Conflict("A job in dependsOn was deleted just now.") from None
        if blockers and not fresh:
            store.ask_check(connection, list(blockers))
        return blockers

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        """Let run what waited for these jobs, or end it. A part of it, if there is very much: the rest is left word of.

        Call it in the transaction that took them out of the outbox.
        """
        parents = [row for row in ended if row.kind in (outbox.ENDED, outbox.MORE)]
        checked = [row for row in ended if row.kind == outbox.CHECK]
        if not parents and not checked:
            return
        connection = driver(self._session)
        found = store.ended_parents(
            connection, parents=[row.job_id for row in parents], jobs=[row.job_id for row in checked]
        )
        if len(found) == store.EDGES_AT_ONCE:
            outbox.tell_more(connection, parents)
            store.ask_check(connection, [row.job_id for row in checked])
        if edges := store.ended_edges(connection, found) if found else []:
            self._tell(store.settle(connection, edges))

    def touch(self, ended: Sequence[EndedJob]) -> None:
        """Tell who looks at a job that others depend on it now. Call it after all others: it locks jobs that a worker
        may be about to start or to end, and who holds those must not wait for anything more.

        Not in the request that creates jobs: it would wait for whoever works on a parent.
        """
        if checked := [row.job_id for row in ended if row.kind == outbox.CHECK]:
            self._tell(store.touch_parents(driver(self._session), checked))

    def _tell(self, released: Sequence[store.Released]) -> None:
        session = self._session()
        for queue in sorted({one.queue for one in released if one.due}):
            after_commit(session, partial(self._hints.wake, queue))
        # Also who waits for one less: it says for how many.
        changes = [JobChanged(one.id, one.organization_id, event_for(one.status), one.revision) for one in released]
        if changes:
            after_commit(session, partial(self._hints.publish, changes))
