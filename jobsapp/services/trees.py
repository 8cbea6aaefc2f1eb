"""Cancelling and retrying a job with everything that depends on it."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict
from jobsapp.models import Job
from jobsapp.services.jobs import Jobs
from jobsapp.services.many_changes import BATCH, Chosen, ManyChanges
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import trees as store

MOST = 100_000
"""Jobs of a tree that one call goes through."""
MOST_LINKS = 1_000_000
PARENTS_AT_ONCE = 500


class Trees:
    """Works in pieces of some hundred jobs, each in a transaction of its own: what is done stays done.

    Jobs of others, where the actor may change only their own, are left as they are.
    """

    def __init__(self, session: DbSession, jobs: Jobs, many: ManyChanges) -> None:
        self._session = session
        self._jobs = jobs
        self._many = many

    def cancel(self, actor: Actor, job_id: UUID, *, reason: str | None = None) -> Job:
        """Cancel the job and everything that depends on it; if it is finished, only that.

        Who depends on others comes first, so that nothing starts because what it waited for is cancelled. Raises
        Forbidden, and Conflict if there is nothing to cancel or the tree has more than MOST jobs.
        """
        job = self._jobs.get(actor, job_id)
        actor.require_change(job.user_id, "cancel")
        below = self._below(actor, job_id, because=False)[1:]
        changed = 0
        for piece in _pieces(below[::-1]):
            changed += self._many.apply(actor, "cancel", Chosen(ids=tuple(piece)), reason=reason).changed
        try:
            return self._jobs.cancel(actor, job_id, reason=reason)
        except Conflict:
            if not changed:
                raise
            return self._jobs.get(actor, job_id)

    def retry(self, actor: Actor, job_id: UUID) -> Job:
        """Retry the job and what failed or was cancelled because of it. First what others wait for: so they wait again.

        Raises Forbidden, and Conflict if the job is neither failed nor cancelled or the tree has more than MOST jobs.
        """
        ids = self._below(actor, job_id, because=True)
        self._jobs.retry(actor, job_id)
        for piece in _pieces(ids[1:]):
            self._many.apply(actor, "retry", Chosen(ids=tuple(piece)))
        return self._jobs.get(actor, job_id)

    def _below(self, actor: Actor, job_id: UUID, *, because: bool) -> list[UUID]:
        """The job and all that depends on it, each after those of them that it depends on. `because`: only what ended
        because of one of them."""
        found, left, links = {job_id}, deque([job_id]), list[store.Link]()
        while left:
            parents = sorted(left.popleft() for _ in range(min(len(left), PARENTS_AT_ONCE)))
            for link in self._links(actor, parents):
                links.append(link)
                if link.job_id not in found and (link.ended or not because):
                    found.add(link.job_id)
                    left.append(link.job_id)
                if len(found) > MOST or len(links) > MOST_LINKS:
                    raise Conflict(f"More than {MOST:,} jobs depend on this one; begin further down.")
        return _in_order(job_id, [link for link in links if link.job_id in found])

    def _links(self, actor: Actor, parents: Sequence[UUID]) -> Iterator[store.Link]:
        last: store.Link | None = None
        while True:
            links = store.children(driver(self._session), parents, organization_id=actor.organization_id, after=last)
            yield from links
            if len(links) < store.AT_ONCE:
                return
            last = links[-1]


def _in_order(first: UUID, links: Sequence[store.Link]) -> list[UUID]:
    """`first`, on which all depend, and all others, each after those that it depends on."""
    children, waits = defaultdict[UUID, list[UUID]](list), Counter[UUID]()
    for link in links:
        children[link.parent_id].append(link.job_id)
        waits[link.job_id] += 1
    ready, ordered = deque([first]), list[UUID]()
    while ready:
        ordered.append(ready.popleft())
        for child in children[ordered[-1]]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return ordered


def _pieces(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
