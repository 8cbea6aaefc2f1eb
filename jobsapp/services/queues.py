"""Queues: what waits in them, and pausing them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.models import Membership, Queue, User
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.limits import Limits, LimitView
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.waiting import tell_front
from jobsapp.store.queues import depths

REASON_LENGTH = 500


class PauseView(View):
    at: Moment
    by: str | None
    """The e-mail address of who paused it, inside the organisation that runs the installation; otherwise null."""
    reason: str | None
    """Null without one, and for other organisations than the one that runs the installation."""


class QueueView(View):
    name: str
    types: list[str]
    """The job types that use it."""
    paused: PauseView | None
    limits: list[LimitView]
    """Those of the queue itself and of its types."""
    depth: int
    """Jobs that are due and wait, counted up to 10,000: of all organisations for the one that runs the installation,
    for others of their own."""
    depth_is_more: bool
    """There are more than were counted."""
    oldest_at: Moment | None
    """Since when the one is due that has waited longest; null: nothing waits. Of those that were counted."""
    workers: int | None
    """How many workers listen on it; null: not known, because Redis is away."""


class Queues:
    def __init__(self, session: DbSession, registry: Registry, hints: Hints) -> None:
        self._session = session
        self._registry = registry
        self._hints = hints
        self._limits = Limits(session, registry, hints)
        self._audit = Audit(session)

    def all(self, actor: Actor) -> list[QueueView]:
        """Every queue that a type uses, that something waits in or that somebody said something about, by name."""
        mine = None if actor.runs_installation else actor.organization_id
        waiting = depths(driver(self._session), mine)
        rows = {row.name: row for row in self._session.scalars(select(Queue))}
        limits = self._limits.all(actor)
        paused = rows if mine is None else ()
        names = sorted(
            {*self._registry.queues, *waiting, *paused, *(one.key for one in limits if one.scope == "queue")}
        )
        listening = self._hints.listening(names)
        who = self._names(actor, rows.values())
        return [
            QueueView(
                name=name,
                types=(types := [one.name for one in self._registry if one.queue == name]),
                paused=_pause(rows.get(name), who, in_words=mine is None),
                limits=[one for one in limits if (one.scope, one.key) in _keys(name, types)],
                depth=waiting[name].jobs if name in waiting else 0,
                depth_is_more=name in waiting and waiting[name].is_more,
                oldest_at=waiting[name].oldest_at if name in waiting else None,
                workers=None if listening is None else listening.get(name, 0),
            )
            for name in names
        ]

    def get(self, actor: Actor, name: str) -> QueueView:
        """Raises NotFound for one that no type uses, nothing waits in and nobody said something about."""
        found = next((view for view in self.all(actor) if view.name == name), None)
        if found is None:
            raise NotFound(f"There is no queue {name}: no type uses it and nothing waits in it.")
        return found

    def pause(self, actor: Actor, name: str, *, reason: str | None = None) -> QueueView:
        """Let no job of the queue start, and commit. What runs goes on. Paused again: the first pause stays."""
        actor.require(Right.OPERATE, "pause queues")
        refuse_faults(reason=reason)
        if reason is not None and len(reason) > REASON_LENGTH:
            raise InvalidInput.of("reason", f"may have up to {REASON_LENGTH} characters.")
        self._known(actor, name)
        paused = {"paused_at": func.now(), "paused_by": actor.user_id, "pause_reason": reason}
        statement = insert(Queue).values(name=name, **paused)
        new = statement.on_conflict_do_update(index_elements=["name"], set_=paused, where=Queue.paused_at.is_(None))
        if self._session.scalar(new.returning(Queue.name)):
            self._audit.note(actor, Action.QUEUE_PAUSED, Subject("queue", name), {"reason": reason})
        tell_front(self._session, self._hints, name)
        self._session.commit()
        return self._one(actor, name)

    def resume(self, actor: Actor, name: str) -> QueueView:
        """Let jobs of the queue start again, and commit. No fault if it was not paused."""
        actor.require(Right.OPERATE, "resume queues")
        self._known(actor, name)
        if self._session.scalar(delete(Queue).where(Queue.name == name).returning(Queue.name)):
            self._audit.note(actor, Action.QUEUE_RESUMED, Subject("queue", name))
        tell_front(self._session, self._hints, name)
        after_commit(self._session(), partial(self._hints.wake, name))
        self._session.commit()
        return self._one(actor, name)

    def _one(self, actor: Actor, name: str) -> QueueView:
        return next(view for view in [*self.all(actor), _nothing(name)] if view.name == name)

    def _known(self, actor: Actor, name: str) -> None:
        self.get(actor, name)

    def _names(self, actor: Actor, rows: Iterable[Queue]) -> dict[UUID, str]:
        """E-mail addresses of those who paused, if they are of the actor's organisation."""
        ids = {row.paused_by for row in rows if row.paused_by}
        if not ids:
            return {}
        query = select(User.id, User.email).join(Membership, Membership.user_id == User.id)
        query = query.where(User.id.in_(ids), Membership.organization_id == actor.organization_id)
        return {row.id: row.email for row in self._session.execute(query)}


def _keys(name: str, types: list[str]) -> set[tuple[str, str]]:
    return {("queue", name), *(("type", one) for one in types)}


def _nothing(name: str) -> QueueView:
    nothing = {"depth": 0, "depth_is_more": False, "oldest_at": None}
    return QueueView(name=name, types=[], paused=None, limits=[], workers=None, **nothing)


def _pause(row: Queue | None, who: dict[UUID, str], *, in_words: bool) -> PauseView | None:
    if row is None or row.paused_at is None:
        return None
    if not in_words:
        return PauseView(at=row.paused_at, by=None, reason=None)
    by = None if row.paused_by is None else who.get(row.paused_by)
    return PauseView(at=row.paused_at, by=by, reason=row.pause_reason)
