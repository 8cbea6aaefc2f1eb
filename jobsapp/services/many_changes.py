"""Cancelling, retrying and deleting many jobs: those that somebody chose, or everything that matches a filter.

In batches, each in a transaction of its own, so that no worker waits for long and what is done stays done. Who looks
first, with `outlook`, is told the same numbers that the change then works with.

Who may not change jobs of others changes their own: of chosen ones the others are left out and counted, and of
everything that matches only their own match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Literal
from uuid import UUID

from pydantic.alias_generators import to_camel
from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action as Noted
from jobsapp.core.filters import JobFilter
from jobsapp.core.rights import Right
from jobsapp.core.states import TERMINAL, Status
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, InvalidInput, NotFound
from jobsapp.models import Job
from jobsapp.services.audit import Audit
from jobsapp.services.base import View
from jobsapp.services.cleanup import Cleanup
from jobsapp.services.files import Files
from jobsapp.services.job_news import tell
from jobsapp.services.listing import Listing, Match
from jobsapp.services.new_jobs import refuse_longer
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import jobs as store

MOST = 10_000
"""Jobs that one call changes, and how far it counts."""
BATCH = 500
REASON_LENGTH = 500

Note = Callable[[int], None]
Action = Literal["cancel", "retry", "delete"]
NOTED: dict[Action, Noted] = {
    "cancel": Noted.JOBS_CANCELLED,
    "retry": Noted.JOBS_RETRIED,
    "delete": Noted.JOBS_DELETED,
}
APPLIES: dict[Action, frozenset[Status]] = {
    "cancel": frozenset({Status.PENDING, Status.ACTIVE}),
    "retry": frozenset({Status.FAILED, Status.CANCELLED}),
    "delete": TERMINAL,
}


@dataclass(frozen=True)
class Chosen:
    """Jobs by their ids, or, without any, everything that matches."""

    ids: tuple[UUID, ...] = ()
    wanted: JobFilter | None = None


class ManyView(View):
    """What a change of many jobs does, or, of a dry run, would do."""

    action: Action
    dry_run: bool
    chosen: int
    """How many of the ids are jobs here, or how many jobs match: counted up to 10,000."""
    chosen_is_more: bool
    """More may match than were counted: only the newest 100,000 jobs are looked at."""
    missing: int
    """How many of the ids are no jobs here."""
    of_others: int
    """How many of the ids are jobs of others, which the caller may not change. They count for nothing else. With a
    filter only the caller's own jobs match then."""
    applicable: int
    """To how many of them the action applies, counted up to 10,000."""
    applicable_is_more: bool
    others: dict[str, int]
    """How many of those counted in `chosen` it does not apply to, by their state; `stopping`: cancelled already."""
    changed: int
    """How many jobs were changed. The others of `applicable` changed meanwhile, or, when deleting, are still read by an
    unfinished job."""
    left: int
    """How many jobs the action still applies to after it changed as many as it may: call again. Up to 10,000."""


@dataclass(frozen=True)
class _Seen:
    """`states`: how many are in which, `stopping` apart. `applicable`: to how many of them the action applies."""

    states: Counter[str]
    is_more: bool
    applicable: int
    applicable_is_more: bool
    missing: int = 0
    of_others: int = 0
    ids: list[UUID] = field(default_factory=list)
    """Those of the applicable, where they are asked for."""


class ManyChanges:
    def __init__(self, session: DbSession, hints: Hints, files: Files, listing: Listing, cleanup: Cleanup) -> None:
        self._session = session
        self._hints = hints
        self._files = files
        self._listing = listing
        self._cleanup = cleanup
        self._audit = Audit(session)

    def outlook(self, actor: Actor, action: Action, chosen: Chosen) -> ManyView:
        """What `apply` would do now. Raises Forbidden, and InvalidInput naming `ids`."""
        _enter(actor, action)
        wanted = chosen.wanted
        return _view(action, self._numbers(actor, action, wanted) if wanted else self._look(actor, action, chosen))

    def count(self, actor: Actor, wanted: JobFilter) -> tuple[int, bool]:
        """How many jobs match that the actor may change, up to MOST, and whether there may be more."""
        if not _reaches(actor, wanted):
            return 0, False
        mine = _changeable(actor, wanted)
        states, more = self._listing.counted(actor.organization_id, mine, statuses=Status, limit=MOST)
        return states.total(), more

    def apply(self, actor: Actor, action: Action, chosen: Chosen, *, reason: str | None = None) -> ManyView:
        """Change what the action applies to, MOST jobs at most, and commit. Raises Forbidden and InvalidInput.

        `reason` is for cancelling.
        """
        _enter(actor, action)
        refuse_faults(reason=reason)
        refuse_longer("reason", reason, REASON_LENGTH)
        seen = self._look(actor, action, chosen)
        ids = seen.ids
        note = partial(self._note, actor, action, chosen, reason)
        changed = sum(
            self._batch(actor, action, ids[start : start + BATCH], reason, note) for start in range(0, len(ids), BATCH)
        )
        if action != "delete" and changed < len(ids):
            changed += self._busy(actor, action, ids, reason, note)
        more = chosen.wanted if seen.applicable_is_more else None
        left = self._numbers(actor, action, more).applicable if more else 0
        return _view(action, seen).model_copy(update={"dry_run": False, "changed": changed, "left": left})

    def delete(self, actor: Actor, job_id: UUID) -> None:
        """Delete a finished job with its files, and commit. Raises Forbidden, NotFound and Conflict."""
        _enter(actor, "delete")
        query = select(Job).where(Job.id == job_id, Job.organization_id == actor.organization_id)
        job = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        if job.status not in TERMINAL:
            raise Conflict(f"The job is {job.status}: only a finished job can be deleted. Cancel it first.")
        note = partial(self._audit.note_job, actor, Noted.JOB_DELETED, job)
        if not self._cleanup.chosen(actor, [job_id], lambda _: note()):
            raise Conflict(
                "An unfinished job reads a file of this one or depends on it, or it is being changed: try again later."
            )

    def _look(self, actor: Actor, action: Action, chosen: Chosen) -> _Seen:
        """The jobs themselves."""
        applies = APPLIES[action]
        missing, of_others, more, wanted = 0, 0, False, chosen.wanted
        if wanted is None:
            ids = list(dict.fromkeys(chosen.ids))
            if not 1 <= len(ids) <= MOST:
                raise InvalidInput.of("ids", f"give 1 to {MOST:,} ids, or a filter.")
            there = self._states(actor, ids)
            found = [match for match, owner in there if actor.may_change(owner)]
            missing, of_others = len(ids) - len(there), len(there) - len(found)
        else:
            wanted = _changeable_by(actor, action, wanted)
            found, more = self._listing.matching(actor.organization_id, wanted, statuses=Status, limit=MOST)
        applicable, applicable_more = found, more
        if wanted and more and wanted.status not in applies:
            applicable, applicable_more = self._listing.matching(
                actor.organization_id, wanted, statuses=applies, limit=MOST
            )
        ready = [one.id for one in applicable if one.status in applies and not (action == "cancel" and one.stopping)]
        states = Counter("stopping" if one.stopping else one.status for one in found)
        return _Seen(states, more, len(ready), applicable_more, missing, of_others, ready)

    def _numbers(self, actor: Actor, action: Action, wanted: JobFilter) -> _Seen:
        """The same of everything that matches, as numbers alone."""
        applies, wanted = APPLIES[action], _changeable_by(actor, action, wanted)
        counted = partial(self._listing.counted, actor.organization_id, wanted, limit=MOST)
        states, more = counted(statuses=Status)
        applicable, applicable_more = states, more
        if more and wanted.status not in applies:
            applicable, applicable_more = counted(statuses=applies)
        return _Seen(states, more, sum(applicable[one] for one in applies), applicable_more)

    def _states(self, actor: Actor, ids: Sequence[UUID]) -> list[tuple[Match, UUID | None]]:
        """Those that are jobs here, newest first, and whose they are."""
        stopping = (Job.status == Status.ACTIVE) & Job.cancel_requested_at.is_not(None)
        given = bindparam("ids", list(ids), ARRAY(Uuid, dimensions=1))
        query = select(Job.id, Job.status, stopping, Job.user_id).where(
            Job.id == any_(given), Job.organization_id == actor.organization_id
        )
        rows = self._session.execute(query.order_by(Job.id.desc()))
        return [(Match(job_id, status, stops), owner) for job_id, status, stops, owner in rows]

    def _batch(self, actor: Actor, action: Action, ids: list[UUID], reason: str | None, note: Note) -> int:
        organization_id = actor.organization_id
        if action == "delete":
            return len(self._cleanup.chosen(actor, ids, note))
        connection = driver(self._session)
        if action == "cancel":
            changed = store.cancel_jobs(
                connection, ids, organization_id=organization_id, user_id=actor.user_id, reason=reason
            )
        else:
            changed = store.retry_jobs(connection, ids, organization_id=organization_id)
        self._commit(changed, note)
        return len(changed)

    def _busy(self, actor: Actor, action: Action, ids: list[UUID], reason: str | None, note: Note) -> int:
        """Those that somebody else was writing, one at a time: who holds one lock waits for nobody in a circle."""
        count = 0
        for match, _ in self._states(actor, ids):
            if match.status not in APPLIES[action] or match.stopping:
                continue
            connection = driver(self._session)
            one = (
                store.cancel_job(connection, match.id, user_id=actor.user_id, reason=reason)
                if action == "cancel"
                else store.retry_job(connection, match.id)
            )
            self._commit([one] if one else [], note)
            count += one is not None
        return count

    def _note(self, actor: Actor, action: Action, chosen: Chosen, reason: str | None, number: int) -> None:
        """With each batch, in its transaction: what was done is told, whatever becomes of the rest."""
        said = {} if chosen.wanted is None else asdict(chosen.wanted)
        matching = {to_camel(name): str(value) for name, value in said.items() if value is not None}
        how = None if chosen.wanted is None else matching or "all"
        self._audit.note(actor, NOTED[action], details={"number": number, "matching": how, "reason": reason})

    def _commit(self, changed: list[store.ChangedJob], note: Note) -> None:
        """Commit, and let leave what follows from it."""
        if changed:
            note(len(changed))
        tell(self._session, self._hints, self._files, changed)
        self._session.commit()


def _enter(actor: Actor, action: Action) -> None:
    if action == "delete":
        actor.require(Right.ADMINISTER, "delete jobs")
    else:
        actor.require(Right.CREATE, f"{action} jobs")


def _reaches(actor: Actor, wanted: JobFilter) -> bool:
    """Whether the actor may change anything that matches."""
    return wanted.user_id is None or actor.may_change(wanted.user_id)


def _changeable(actor: Actor, wanted: JobFilter) -> JobFilter:
    """What matches and may be changed by the actor."""
    return wanted if actor.may(Right.CHANGE_JOBS) else wanted.narrowed(user_id=actor.user_id)


def _changeable_by(actor: Actor, action: Action, wanted: JobFilter) -> JobFilter:
    """The same, once it is sure that they may change some. Raises Forbidden."""
    if not _reaches(actor, wanted):
        actor.require(Right.CHANGE_JOBS, f"{action} jobs of others")
    return _changeable(actor, wanted)


def _view(action: Action, seen: _Seen) -> ManyView:
    others = {state: number for state, number in sorted(seen.states.items()) if state not in APPLIES[action]}
    return ManyView(
        action=action,
        dry_run=True,
        chosen=seen.states.total(),
        chosen_is_more=seen.is_more,
        missing=seen.missing,
        of_others=seen.of_others,
        applicable=seen.applicable,
        applicable_is_more=seen.applicable_is_more,
        others=others,
        changed=0,
        left=0,
    )
