"""Queues: what waits in them, pausing them, and limits of what runs in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.rights import Right
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import FieldError, InvalidInput, NotFound
from jobsapp.models import Limit, Membership, Organization, Queue, User
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.limits import EACH, LimitState, Scope, limit_states
from jobsapp.store.queues import depths, front

REASON_LENGTH = 500
NAME_LENGTH = 200
MAX_NUMBER = 1_000_000
MAX_PERIOD_SECONDS = 31 * 24 * 3600.0
MIN_PERIOD_SECONDS = 1.0
# Of so many jobs those who watch hear at once that their queue was paused; the others show it when they are read.
TOLD_AT_ONCE = 500
QUEUE_NAME = re.compile(r"[\w.:-]+")


class LimitView(View):
    """A limit and how much of it is used now."""

    scope: Literal["queue", "type", "organization"]
    key: str
    """The name of the queue or type, or the id of the organisation; `*`: each organisation without one of its own."""
    max_active: int | None
    """How many jobs may run at once; null: any number."""
    max_starts: int | None
    """How many jobs may start within any `periodSeconds`; null: any number."""
    period_seconds: float | None
    active: int | None
    """How many run now; null for `*`, and outside the organisation that runs the installation for all but its own."""
    starts: int | None
    """How many have started within the last `periodSeconds`; null as `active`, and without a limit of starts."""


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


@dataclass(frozen=True)
class NewLimit:
    """At least one of `max_active` and `max_starts`; `period_seconds` with `max_starts` and never without."""

    max_active: int | None = None
    max_starts: int | None = None
    period_seconds: float | None = None


class Queues:
    def __init__(self, session: DbSession, registry: Registry, hints: Hints) -> None:
        self._session = session
        self._registry = registry
        self._hints = hints
        self._audit = Audit(session)

    def all(self, actor: Actor) -> list[QueueView]:
        """Every queue that a type uses, that something waits in or that somebody said something about, by name."""
        mine = None if actor.runs_installation else actor.organization_id
        waiting = depths(driver(self._session), mine)
        rows = {row.name: row for row in self._session.scalars(select(Queue))}
        limits = self.limits(actor)
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
        self._tell_front(name)
        self._session.commit()
        return self._one(actor, name)

    def resume(self, actor: Actor, name: str) -> QueueView:
        """Let jobs of the queue start again, and commit. No fault if it was not paused."""
        actor.require(Right.OPERATE, "resume queues")
        self._known(actor, name)
        if self._session.scalar(delete(Queue).where(Queue.name == name).returning(Queue.name)):
            self._audit.note(actor, Action.QUEUE_RESUMED, Subject("queue", name))
        self._tell_front(name)
        after_commit(self._session(), partial(self._hints.wake, name))
        self._session.commit()
        return self._one(actor, name)

    def limits(self, actor: Actor) -> list[LimitView]:
        """Limits that concern the actor: of queues and types, of `*`, and of the own organisation."""
        shown = {EACH, str(actor.organization_id)}
        kept = {(one.scope, one.key) for one in self._session.scalars(select(Limit))}
        states = limit_states(driver(self._session))
        return sorted(
            (
                _limit_view(one, counted=actor.runs_installation or one.key == str(actor.organization_id))
                for one in states
                if (one.scope, one.key) in kept and (one.scope != "organization" or one.key in shown)
            ),
            key=lambda one: (one.scope, one.key),
        )

    def set_limit(self, actor: Actor, scope: str, key: str, new: NewLimit) -> LimitView:
        """Set or replace a limit, and commit. Holds for all claims from now on; what runs already goes on."""
        _enter_limits(actor, scope, key)
        _bounded(new)
        scope, key = self._subject(actor, scope, key)
        values = {
            "max_active": new.max_active,
            "max_starts": new.max_starts,
            "period_seconds": new.period_seconds,
            "updated_at": func.now(),
        }
        statement = insert(Limit).values(scope=scope, key=key, **values)
        self._session.execute(statement.on_conflict_do_update(index_elements=["scope", "key"], set_=values))
        said = {"maxActive": new.max_active, "maxStarts": new.max_starts, "periodSeconds": new.period_seconds}
        self._audit.note(actor, Action.LIMIT_SET, Subject("limit", key), {"scope": scope} | said)
        self._wake(scope, key)
        self._session.commit()
        return next(one for one in self.limits(actor) if (one.scope, one.key) == (scope, key))

    def remove_limit(self, actor: Actor, scope: str, key: str) -> None:
        """Remove a limit, and commit. Raises NotFound if there is none."""
        _enter_limits(actor, scope, key)
        if scope == "organization" and key != EACH:
            self._own(actor, key)
        gone = delete(Limit).where(Limit.scope == scope, Limit.key == key).returning(Limit.key)
        found = self._session.scalars(gone).one_or_none() if is_storable(scope + key) else None
        if found is None:
            raise NotFound(f"There is no limit of the {scope} {key}.")
        self._audit.note(actor, Action.LIMIT_REMOVED, Subject("limit", key), {"scope": scope})
        self._wake(scope, key)
        self._session.commit()

    def _one(self, actor: Actor, name: str) -> QueueView:
        return next(view for view in [*self.all(actor), _nothing(name)] if view.name == name)

    def _known(self, actor: Actor, name: str) -> None:
        self.get(actor, name)

    def _subject(self, actor: Actor, scope: str, key: str) -> tuple[Scope, str]:
        """Raises InvalidInput naming `scope` or `key`."""
        match scope:
            case "queue":
                if len(key) > NAME_LENGTH or not QUEUE_NAME.fullmatch(key):
                    raise InvalidInput.of("key", "must be the name of a queue: letters, digits and . : _ -")
            case "type":
                if self._registry.find(key) is None:
                    known = ", ".join(one.name for one in self._registry)
                    raise InvalidInput.of("key", f"there is no job type {key!r}. Known: {known}.")
            case "organization" if key != EACH:
                key = self._own(actor, key)
            case "organization":
                pass
            case _:
                raise InvalidInput.of("scope", "must be queue, type or organization.")
        return cast("Scope", scope), key

    def _own(self, actor: Actor, key: str) -> str:
        """The id as it is kept. Of other organisations nobody learns whether they exist."""
        try:
            wanted = UUID(key)
        except ValueError:
            raise InvalidInput.of("key", "must be the id of an organisation, or * for each.") from None
        found = self._session.get(Organization, wanted) if wanted == actor.organization_id else None
        if found is None:
            raise InvalidInput.of("key", f"there is no organisation {key}.")
        return str(wanted)

    def _names(self, actor: Actor, rows: Iterable[Queue]) -> dict[UUID, str]:
        """E-mail addresses of those who paused, if they are of the actor's organisation."""
        ids = {row.paused_by for row in rows if row.paused_by}
        if not ids:
            return {}
        query = select(User.id, User.email).join(Membership, Membership.user_id == User.id)
        query = query.where(User.id.in_(ids), Membership.organization_id == actor.organization_id)
        return {row.id: row.email for row in self._session.execute(query)}

    def _tell_front(self, name: str) -> None:
        """Have those who watch read anew why these jobs wait. Nothing of the jobs themselves changes."""
        changes = [
            JobChanged(job.id, job.organization_id, Event.UPDATE, job.revision)
            for job in front(driver(self._session), name, limit=TOLD_AT_ONCE)
        ]
        if changes:
            after_commit(self._session(), partial(self._hints.publish, changes))

    def _wake(self, scope: str, key: str) -> None:
        """There may be more room now."""
        if scope == "queue":
            names = [key]
        elif scope == "type":
            names = [one.queue for one in self._registry if one.name == key]
        else:
            names = list(depths(driver(self._session)))
        for name in names:
            self._tell_front(name)
            after_commit(self._session(), partial(self._hints.wake, name))


def _enter_limits(actor: Actor, scope: str, key: str) -> None:
    """An organisation's own limit is its administrators' business, all others that of the installation."""
    own = scope == "organization" and key != EACH
    actor.require(Right.ADMINISTER, "set limits" if own else "set limits for everybody", of_installation=not own)


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


def _limit_view(state: LimitState, *, counted: bool) -> LimitView:
    hidden = state.key == EACH or not counted
    return LimitView(
        scope=state.scope,
        key=state.key,
        max_active=state.max_active,
        max_starts=state.max_starts,
        period_seconds=state.period_seconds,
        active=None if hidden else state.active,
        starts=None if hidden or state.max_starts is None else int(state.starts),
    )


def _bounded(new: NewLimit) -> None:
    """Raises InvalidInput naming each field at fault."""
    faults = [
        FieldError(name, f"must be from 1 to {MAX_NUMBER:,}.")
        for name, number in (("maxActive", new.max_active), ("maxStarts", new.max_starts))
        if number is not None and not 1 <= number <= MAX_NUMBER
    ]
    if new.max_active is None and new.max_starts is None:
        faults.append(FieldError("maxActive", "give maxActive, or maxStarts with periodSeconds, or both."))
    if new.period_seconds is not None and not MIN_PERIOD_SECONDS <= new.period_seconds <= MAX_PERIOD_SECONDS:
        faults.append(FieldError("periodSeconds", "must be from 1 second to 31 days (2,678,400)."))
    if new.max_starts is not None and new.period_seconds is None:
        faults.append(FieldError("periodSeconds", "says within which time maxStarts jobs may start."))
    if new.max_starts is None and new.period_seconds is not None:
        faults.append(FieldError("maxStarts", "says how many jobs may start within periodSeconds."))
    if faults:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in faults), errors=tuple(faults))
