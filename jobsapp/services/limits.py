"""Limits of what runs at once and of what starts in a period: shown, set and removed."""

from __future__ import annotations

import re
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
from jobsapp.core.rights import Right
from jobsapp.core.storable import is_storable
from jobsapp.errors import FieldError, InvalidInput, NotFound
from jobsapp.models import Limit, Organization
from jobsapp.processors.registry import Registry
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.waiting import tell_front
from jobsapp.store.limits import EACH, LimitState, Scope, limit_states
from jobsapp.store.queues import depths

NAME_LENGTH = 200
MAX_NUMBER = 1_000_000
MAX_PERIOD_SECONDS = 31 * 24 * 3600.0
MIN_PERIOD_SECONDS = 1.0
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


@dataclass(frozen=True)
class NewLimit:
    """At least one of `max_active` and `max_starts`; `period_seconds` with `max_starts` and never without."""

    max_active: int | None = None
    max_starts: int | None = None
    period_seconds: float | None = None


class Limits:
    def __init__(self, session: DbSession, registry: Registry, hints: Hints) -> None:
        self._session = session
        self._registry = registry
        self._hints = hints
        self._audit = Audit(session)

    def all(self, actor: Actor) -> list[LimitView]:
        """Limits that concern the actor: of queues and types, of `*`, and of the own organisation."""
        shown = {EACH, str(actor.organization_id)}
        kept = {(one.scope, one.key) for one in self._session.scalars(select(Limit))}
        states = limit_states(driver(self._session))
        return sorted(
            (
                _view(one, counted=actor.runs_installation or one.key == str(actor.organization_id))
                for one in states
                if (one.scope, one.key) in kept and (one.scope != "organization" or one.key in shown)
            ),
            key=lambda one: (one.scope, one.key),
        )

    def set(self, actor: Actor, scope: str, key: str, new: NewLimit) -> LimitView:
        """Set or replace a limit, and commit. Holds for all claims from now on; what runs already goes on."""
        _enter(actor, scope, key)
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
        return next(one for one in self.all(actor) if (one.scope, one.key) == (scope, key))

    def remove(self, actor: Actor, scope: str, key: str) -> None:
        """Remove a limit, and commit. Raises NotFound if there is none."""
        _enter(actor, scope, key)
        if scope == "organization" and key != EACH:
            self._own(actor, key)
        gone = delete(Limit).where(Limit.scope == scope, Limit.key == key).returning(Limit.key)
        found = self._session.scalars(gone).one_or_none() if is_storable(scope + key) else None
        if found is None:
            raise NotFound(f"There is no limit of the {scope} {key}.")
        self._audit.note(actor, Action.LIMIT_REMOVED, Subject("limit", key), {"scope": scope})
        self._wake(scope, key)
        self._session.commit()

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

    def _wake(self, scope: str, key: str) -> None:
        """There may be more room now."""
        if scope == "queue":
            names = [key]
        elif scope == "type":
            names = [one.queue for one in self._registry if one.name == key]
        else:
            names = list(depths(driver(self._session)))
        for name in names:
            tell_front(self._session, self._hints, name)
            after_commit(self._session(), partial(self._hints.wake, name))


def _enter(actor: Actor, scope: str, key: str) -> None:
    """An organisation's own limit is its administrators' business, all others that of the installation."""
    own = scope == "organization" and key != EACH
    actor.require(Right.ADMINISTER, "set limits" if own else "set limits for everybody", of_installation=not own)


def _view(state: LimitState, *, counted: bool) -> LimitView:
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
